using LayerSkip.Engine.Decoding.Drafting;

namespace LayerSkip.Engine.Tests.Decoding.Drafting;

/// <summary>Look-up finds the longest earlier occurrence of the context's end.</summary>
public class ContextLookupTests
{
    [Fact]
    public void The_longest_match_counts_of_equals_the_latest()
    {
        var random = new Random(1);
        for (var round = 0; round < 60; round++)
        {
            // Few enough occurrences of a pair that all are looked at.
            var kinds = random.Next(8, 30);
            var length = random.Next(1, 200);
            int[] tokens = [.. Enumerable.Range(0, length).Select(_ => random.Next(kinds))];
            var lookup = new ContextLookup(length);
            for (var count = random.Next(1, length + 1); count <= length; count += random.Next(1, 9))
            {
                var context = tokens[..count];
                var match = lookup.Find(context);
                Assert.Equal(Naive(context), match);
                Assert.Equal(match, lookup.Find(context));
            }
        }
    }

    [Fact]
    public void A_period_is_found_one_period_back()
    {
        int[] context = [1, 2, 3, 1, 2, 3, 1, 2];
        var match = new ContextLookup(8).Find(context);
        Assert.Equal((5, 5), (match.Length, match.Position));
    }

    [Fact]
    public void Long_contexts_are_searched_in_bounded_time_and_memory_as_far_back_as_the_window()
    {
        // One pair over and over: as many candidates as positions.
        var lookup = new ContextLookup(int.MaxValue);
        var same = new int[100_000];
        Assert.Equal(ContextLookup.MaxMatch, lookup.Find(same).Length);

        int[] far = [1, 2, 3, .. Enumerable.Range(10, 60_000), 1, 2];
        Assert.True(new ContextLookup(far.Length).Find(far).IsEmpty);
        int[] near = [.. Enumerable.Range(10, 60_000), 1, 2, 3, .. Enumerable.Range(100_000, 20_000), 1, 2];
        Assert.Equal(new LookupMatch(2, 60_002), new ContextLookup(near.Length).Find(near));
    }

    private static LookupMatch Naive(int[] context)
    {
        var best = default(LookupMatch);
        for (var end = context.Length - 2; end >= 1; end--)
        {
            var length = 0;
            while (length < ContextLookup.MaxMatch && length <= end && context[end - length] == context[context.Length - 1 - length])
            {
                length++;
            }

            if (length >= ContextLookup.MinMatch && length > best.Length)
            {
                best = new(length, end + 1);
            }
        }

        return best;
    }
}
