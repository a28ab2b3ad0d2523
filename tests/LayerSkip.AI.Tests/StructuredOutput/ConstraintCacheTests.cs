using LayerSkip.AI.StructuredOutput;
using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Tests;

namespace LayerSkip.AI.Tests.StructuredOutput;

/// <summary>Constraints are kept while there is room for them, and failures are not.</summary>
public class ConstraintCacheTests
{
    private static readonly Tokenizer s_tokenizer = Tokenizer.Load(Path.Combine(SharedData.RepositoryRoot, "models", "topv2-parser"));

    [Fact]
    public void Equal_keys_share_a_constraint_and_the_oldest_goes_first()
    {
        var cache = new ConstraintCache(s_tokenizer);
        var first = cache.Get("0", grammar => grammar.Literal("0"));
        for (var i = 1; i < 200; i++)
        {
            Assert.Same(first, cache.Get("0", _ => throw new InvalidOperationException("known already")));
            cache.Get($"{i}", grammar => grammar.Literal("x"));
        }

        Assert.Equal(32, cache.Count);
        Assert.NotSame(cache.Get("199", grammar => grammar.Literal("x")), cache.Get("1", grammar => grammar.Literal("x")));
    }

    [Fact]
    public void What_takes_more_than_there_is_room_for_makes_others_go()
    {
        var cache = new ConstraintCache(s_tokenizer, maxBytes: 1 << 20);
        var constraints = Enumerable.Range(0, 30).Select(i => cache.Get($"{i}", grammar => grammar.Literal(new string('x', 1000)))).ToArray();
        Assert.All(constraints, constraint => Assert.InRange(constraint.ApproximateBytes, 100_000, 1 << 20));
        Assert.InRange(cache.Count, 1, 8);

        // One that is too large by itself stays for its own request.
        var large = cache.Get("large", grammar => grammar.Literal(new string('x', 10_000)));
        Assert.Same(large, cache.Get("large", _ => throw new InvalidOperationException("known already")));
        Assert.Equal(1, cache.Count);
    }

    [Fact]
    public void What_failed_is_tried_again()
    {
        var cache = new ConstraintCache(s_tokenizer);
        Assert.Throws<ArgumentException>(() => cache.Get("x", grammar => grammar.Nothing));
        Assert.Equal(0, cache.Count);
        Assert.Throws<InvalidOperationException>(() => cache.Get("x", _ => throw new InvalidOperationException()));
        Assert.NotNull(cache.Get("x", grammar => grammar.Literal("x")));
    }
}
