using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Cuda.Tests;

/// <summary>What a round costs the host: nothing on the managed heap, one wait, and as many driver calls whatever its length.</summary>
public class HostWorkTests
{
    [Theory]
    [InlineData(DecodingMode.Autoregressive, 0)]
    [InlineData(DecodingMode.SelfSpeculative, 1)]
    [InlineData(DecodingMode.SelfSpeculative, 4)]
    [InlineData(DecodingMode.SelfSpeculative, 12)]
    public void A_round_allocates_nothing_waits_once_and_calls_the_driver_equally_often(DecodingMode mode, int length)
    {
        var config = TinyCheckpoint.DefaultConfig with { MaxPositions = 400, Layers = 2, VocabularySize = 30, HiddenSize = 20, IntermediateSize = 20, AttentionHeads = 2, KeyValueHeads = 1 };
        using var model = CudaModels.Random(config);
        var options = new DecodingOptions
        {
            Mode = mode,
            ExitLayer = mode == DecodingMode.Autoregressive ? null : 1,
            NumSpeculations = length == 0 ? null : length,
            MaxNewTokens = 300,
        };
        using var generation = new Generation(model, [1, 2, 3], DecodingPlan.Create(options, config, new()));
        while (generation.Output.Length < 65)
        {
            // Past the first span: the graphs that follow are captured, and a page lasts for the next rounds.
            generation.NextRound();
        }

        var counters = model.Context.Counters;
        var least = long.MaxValue;
        for (var round = 0; round < 4; round++)
        {
            var pages = generation.Cache.Capacity;
            var (calls, waits, graphs) = (counters.Calls, counters.Synchronizations, counters.Graphs);
            var before = GC.GetAllocatedBytesForCurrentThread();
            generation.NextRound();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
            Assert.Equal((1, 1), (counters.Synchronizations - waits, counters.Graphs - graphs));
            if (generation.Cache.Capacity == pages)
            {
                // Context, block to the device, graph, result from it, wait. Placing rows costs three more where the round runs step by step.
                Assert.Equal(5, counters.Calls - calls);
            }
        }

        Assert.Equal(0, least);
    }

    [Fact]
    public void A_graph_serves_all_sequences_and_positions_of_a_shape()
    {
        var config = TinyCheckpoint.DefaultConfig with { Layers = 2 };
        using var model = CudaModels.Random(config);
        var first = model.Tokens([1, 2, 3], CudaModels.Speculative(1, 3, 20));
        var captures = model.Context.Counters.Captures;
        Assert.Equal(first, model.Tokens([1, 2, 3], CudaModels.Speculative(1, 3, 20)));
        model.Tokens([9, 8], CudaModels.Speculative(1, 3, 30));
        Assert.Equal(captures, model.Context.Counters.Captures);
        Assert.Equal(1, captures);
    }

    [Fact]
    public void Drafts_that_a_checkpoint_declares_run_in_whole_rounds_unasked()
    {
        var config = TinyCheckpoint.DefaultConfig with { Layers = 2 };
        using var model = CudaModels.Random(config);
        var plan = DecodingPlan.Create(
            new DecodingOptions { MaxNewTokens = 12 }, config, new GenerationDefaults { ExitLayer = 1, NumSpeculations = 3 }, model.RunsRounds(stopIds: 0));
        using var generation = new Generation(model, [1, 2, 3], plan);
        while (generation.NextRound())
        {
        }

        Assert.Equal((DraftController.Fixed, 1), (plan.Controller, model.Context.Counters.Captures));
        Assert.True(generation.Statistics.Drafted > 0);
    }
}
