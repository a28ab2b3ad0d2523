using LayerSkip.Cli.Measurement;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Cuda.Rounds;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
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
    [InlineData(DecodingMode.Autoregressive, 0, 0.8f)]
    [InlineData(DecodingMode.SelfSpeculative, 1, 0.8f)]
    [InlineData(DecodingMode.SelfSpeculative, 12, 0.8f)]
    [InlineData(DecodingMode.SelfSpeculative, 12, 0f, DraftController.Confidence)]
    [InlineData(DecodingMode.SelfSpeculative, 12, 0.8f, DraftController.Adaptive)]
    public void A_round_allocates_nothing_waits_once_and_calls_the_driver_equally_often(DecodingMode mode, int length, float temperature = 0, DraftController? controller = null)
    {
        var config = TinyCheckpoint.DefaultConfig with { MaxPositions = 400, Layers = 2, VocabularySize = 30, HiddenSize = 20, IntermediateSize = 20, AttentionHeads = 2, KeyValueHeads = 1 };
        using var model = CudaModels.Random(config);
        var options = new DecodingOptions
        {
            Mode = mode,
            ExitLayer = mode == DecodingMode.Autoregressive ? null : 1,
            NumSpeculations = length == 0 ? null : length,
            DraftController = controller,
            MaxNewTokens = 300,
            Sampling = new() { Temperature = temperature, TopK = 20, TopP = 0.95f, MinP = 0.01f, Seed = 1 },
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
    public void Bench_says_what_rounds_ask_of_the_device()
    {
        var config = TinyCheckpoint.DefaultConfig;
        using var weights = CudaModels.Weights(config, seed: 1, WeightFormat.F32);
        using var model = LayerSkipModel.FromWeights("random", config, weights, options: LayerSkip.Engine.Tests.TestedDevice.Options(threads: 1));
        var settings = new BenchSettings(
            [[1, 2, 3]], [1], CudaModels.Speculative(1, 4, 25), MaxTokens: 25, IgnoreEndOfSequence: true, Runs: 1, Contexts: [], Rows: [], RowsContext: 0, Requests: [], RequestPrompts: [], Threads: 1);
        var report = DeviceActivity.Measure(model, settings, CancellationToken.None)!;
        foreach (var mode in new[] { report.Autoregressive, report.SelfSpeculative })
        {
            Assert.Equal((1, 1), (mode.GraphLaunchesPerRound, mode.SynchronizationsPerRound));
            Assert.InRange(mode.DriverCallsPerRound, 5, 100); // the graph's capture is among them
            Assert.InRange(mode.LaunchesPerToken, 6 * config.Layers, 100 * config.Layers);
        }

        Assert.Equal(model.BytesRead(0, config.Layers, head: true), report.Autoregressive.WeightBytesPerToken, 1);
        Assert.Contains("1.00 graphs, 1.00 synchronisations", report.SelfSpeculative.Describe("self-speculative"), StringComparison.Ordinal);
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

        // Whatever is drawn, one more serves.
        model.Tokens([9, 8], CudaModels.Speculative(1, 3, 30) with { Sampling = new() { Temperature = 1, Seed = 2 } });
        model.Tokens([1, 2], CudaModels.Speculative(1, 3, 30) with { Sampling = new() { Temperature = 0.5f, TopP = 0.9f } });
        Assert.Equal(2, model.Context.Counters.Captures);
    }

    [Fact]
    public void Drafts_of_any_length_share_a_bounded_number_of_graphs()
    {
        var config = TinyCheckpoint.DefaultConfig with { MaxPositions = 160, Layers = 2, VocabularySize = 30, HiddenSize = 20, IntermediateSize = 20, AttentionHeads = 2, KeyValueHeads = 1 };
        using var model = CudaModels.Random(config);
        var expected = model.Tokens([1, 2, 3], CudaModels.Autoregressive(5));
        var captures = model.Context.Counters.Captures;
        int[] lengths = [54, 49, 48, 40, 33, 32, 25, 24, 17, 16, 13, 12, 10, 9, 8, 5, 1];
        foreach (var length in (int[])[.. lengths, .. lengths])
        {
            using var generation = model.Decode([1, 2, 3], CudaModels.Speculative(1, length, 5));
            Assert.Equal(expected, generation.Output.ToArray());
        }

        // Of 12, 15, 16, 24, 32, 48 and 64 tokens, and the three short ones.
        Assert.Equal(10, model.Context.Counters.Captures - captures);
        for (var length = 0; length <= DecodingPlan.MaxSpeculations; length++)
        {
            Assert.InRange(RoundShape.LengthFor(length), length, Math.Max(length, Math.Min(1.5 * length, DecodingPlan.MaxSpeculations)));
        }

        Assert.Equal(16, Enumerable.Range(0, 1 + DecodingPlan.MaxSpeculations).Select(RoundShape.LengthFor).Distinct().Count());
    }

    [Fact]
    public void A_round_as_a_whole_claims_neither_draft_nor_verification_time()
    {
        var config = TinyCheckpoint.DefaultConfig with { Layers = 2 };
        using var model = CudaModels.Random(config);
        using var plain = model.Decode([1, 2, 3], CudaModels.Autoregressive(6));
        Assert.True(plain.Statistics.VerifyTime > TimeSpan.Zero);
        using var generation = new Generation(model, [1, 2, 3], DecodingPlan.Create(CudaModels.Speculative(1, 3, 20), config, new()));
        generation.NextRound();
        Assert.True(generation.Statistics.Drafted > 0);
        Assert.Equal((TimeSpan.Zero, TimeSpan.Zero), (generation.Statistics.DraftTime, generation.Statistics.VerifyTime));
    }

    [Fact]
    public void Scratch_moves_seldom_while_a_sequence_grows()
    {
        var (driver, device) = Rig.Device;
        using var context = new Driver.CudaContext(driver, device);
        var scratch = new Execution.Scratch(context, new Geometry(TinyCheckpoint.DefaultConfig with { MaxPositions = 64_000 }));
        var moves = 0;
        for (var spans = 1; spans <= 1000; spans++)
        {
            moves += scratch.Reserve(1 + (spans % 60), spans) ? 1 : 0;
        }

        Assert.InRange(moves, 1, 16);
        Assert.Equal(moves, context.Counters.Synchronizations);
    }

    [Fact]
    public void Requests_one_after_the_other_take_no_memory_from_the_driver()
    {
        var config = TinyCheckpoint.DefaultConfig with { Layers = 2, MaxPositions = 160 };
        using var model = CudaModels.Random(config);
        var expected = model.Tokens([1, 2, 3], CudaModels.Speculative(1, 4, 100));
        Rig.Controls.Reset();
        var waits = model.Context.Counters.Synchronizations;
        for (var request = 0; request < 5; request++)
        {
            using var generation = model.Decode([1, 2, 3], CudaModels.Speculative(1, 4, 100));
            Assert.Equal(expected, generation.Output.ToArray());
            Assert.Equal(generation.Statistics.Rounds, model.Context.Counters.Synchronizations - waits);
            waits = model.Context.Counters.Synchronizations;
        }

        Assert.Equal((0, 0), (Rig.Controls.Calls("cuMemAlloc"), Rig.Controls.Calls("cuMemFree")));
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
