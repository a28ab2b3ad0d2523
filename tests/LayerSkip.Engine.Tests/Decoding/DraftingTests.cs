using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Decoding;

/// <summary>Whatever a controller decides, and wherever drafts come from, the tokens are the full model's.</summary>
public class DraftingTests
{
    public static TheoryData<DraftController, DraftSource> Kinds()
    {
        var kinds = new TheoryData<DraftController, DraftSource>();
        foreach (var controller in Enum.GetValues<DraftController>())
        {
            foreach (var source in Enum.GetValues<DraftSource>())
            {
                kinds.Add(controller, source);
            }
        }

        return kinds;
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Tokens_are_those_of_full_depth(DraftController controller, DraftSource source)
    {
        var random = new Random(41 + (10 * (int)controller) + (int)source);
        for (var round = 0; round < 10; round++)
        {
            var config = Models.RandomConfig(random);
            int[]? vocabulary = random.Next(2) == 0 ? null : [.. Enumerable.Range(0, config.VocabularySize).Where(token => token == 0 || random.Next(3) == 0)];
            using var model = Models.Random(config, (ulong)round, round % 2 == 0 ? WeightFormat.F32 : WeightFormat.BF16, 1 + (round % 2), draftVocabulary: vocabulary);
            int[] prompt = [.. Enumerable.Range(0, random.Next(1, 30)).Select(_ => random.Next(config.VocabularySize))];
            int[] stops = random.Next(2) == 0 ? [] : [random.Next(config.VocabularySize)];
            var options = Options(random, config, controller, source);
            options = random.Next(3) == 0 ? options with { Sampling = new() { Temperature = 0.8f, Seed = (ulong)round } } : options;
            using var expected = model.Decode(prompt, options with { Mode = DecodingMode.Autoregressive }, stops);
            using var actual = model.Decode(prompt, options, stops);
            Assert.Equal(expected.Output.ToArray(), actual.Output.ToArray());
            Assert.Equal(expected.FinishReason, actual.FinishReason);

            var statistics = actual.Statistics;
            Assert.InRange(statistics.LookupDrafted, 0, source == DraftSource.Exit ? 0 : statistics.Drafted);
            Assert.InRange(statistics.LookupAccepted, 0, statistics.LookupDrafted);
            Assert.Equal(statistics.Drafted, statistics.DraftedPerRound.Select((rounds, tokens) => rounds * tokens).Sum());
            if (source == DraftSource.Lookup)
            {
                Assert.Equal((statistics.Drafted, 0.0), (statistics.LookupDrafted, statistics.MeanExitLayer));
            }
        }
    }

    [Fact]
    public void Repeated_text_is_copied_from_the_context()
    {
        // A model whose logits hardly depend on the context soon repeats itself.
        var config = TinyCheckpoint.DefaultConfig;
        using var model = Models.Random(config, seed: 5);
        var options = new DecodingOptions { DraftController = DraftController.Fixed, DraftSource = DraftSource.Lookup, NumSpeculations = 8, MaxNewTokens = 100 };
        using var generation = model.Decode([1, 2, 3], options);
        Assert.Equal(model.Tokens([1, 2, 3], Models.Autoregressive(100)), generation.Output.ToArray());
        Assert.InRange(generation.Statistics.LookupAccepted, 20, 100);
        Assert.Equal((long)generation.Statistics.Rounds * config.Layers, generation.Statistics.LayerPasses);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Decoding_allocates_nothing_for_each_token(DraftController controller, DraftSource source)
    {
        var config = TinyCheckpoint.DefaultConfig with { MaxPositions = 2000 };
        using var model = Models.Random(config);
        using var cache = model.CreateCache();
        cache.Reserve(2000);
        var options = new DecodingOptions { ExitLayer = 2, NumSpeculations = 5, MaxNewTokens = 1900, DraftController = controller, DraftSource = source };
        using var generation = new Generation(model, [1, 2, 3], DecodingPlan.Create(options, config, new()));
        cache.Continue(config.Layers, 0);
        generation.Continue(cache);
        void Stretch()
        {
            for (var i = 0; i < 60; i++)
            {
                Assert.True(generation.NextRound());
            }
        }

        Stretch();
        Assert.Equal(0, Allocations.Least(Stretch));
    }

    private static DecodingOptions Options(Random random, ModelConfig config, DraftController controller, DraftSource source) => new()
    {
        Mode = DecodingMode.SelfSpeculative,
        DraftController = controller,
        DraftSource = source,
        ExitLayer = controller is DraftController.Auto or DraftController.Dynamic && random.Next(2) == 0 ? null : random.Next(1, config.Layers),
        NumSpeculations = random.Next(1, 12),
        DraftThreshold = random.NextSingle(),
        MaxNewTokens = random.Next(1, 80),
    };
}
