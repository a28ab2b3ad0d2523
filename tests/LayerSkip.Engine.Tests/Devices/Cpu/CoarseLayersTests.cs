using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Devices.Cpu;

/// <summary>Drafts run by a copy of the first layers in few bits, and verification by the layers themselves.</summary>
public class CoarseLayersTests
{
    private static readonly ModelConfig s_config = TinyCheckpoint.DefaultConfig with { MaxPositions = 200 };

    [Theory]
    [InlineData(WeightFormat.F32, WeightCompression.Never, DraftWeights.Int8, 0.05)]
    [InlineData(WeightFormat.F32, WeightCompression.Never, DraftWeights.Int4, 0.5)]
    [InlineData(WeightFormat.F32, WeightCompression.Always, DraftWeights.Int8, 0.05)]
    [InlineData(WeightFormat.BF16, WeightCompression.Never, DraftWeights.Int8, 0.05)]
    [InlineData(WeightFormat.BF16, WeightCompression.Always, DraftWeights.Int4, 0.5)]
    public void States_are_near_those_of_the_layers(WeightFormat format, WeightCompression compression, DraftWeights weights, double most)
    {
        foreach (var path in Enum.GetValues<SimdPath>())
        {
            // More rows than a pass takes, too.
            foreach (var count in (int[])[1, 5, 40])
            {
                using var model = Models.RandomOnCpu(s_config, format: format, path: path, threads: 2, compression: compression);
                Assert.True(model.DraftsBy(weights));
                Assert.True(model.PrepareDraftLayers(s_config.Layers, weights, TestContext.Current.CancellationToken));
                var tokens = Enumerable.Range(0, count).Select(i => (7 * i) % s_config.VocabularySize).ToArray();
                var exact = States(model, tokens, (rows, to) => model.RunLayers(rows, 0, count, 0, to, TestContext.Current.CancellationToken));
                var coarse = States(model, tokens, (rows, to) =>
                {
                    model.RunDraftLayers(rows, 0, count, 0, 1, weights, TestContext.Current.CancellationToken);
                    model.RunDraftLayers(rows, 0, count, 1, to, weights, TestContext.Current.CancellationToken);
                });
                var error = Math.Sqrt(exact.Zip(coarse).Average(static pair => Math.Pow(pair.First - pair.Second, 2)) / exact.Average(static state => state * state));
                Assert.InRange(error, most / 20, most);
            }
        }
    }

    [Fact]
    public void All_layers_draft_what_they_verify()
    {
        using var model = Models.RandomOnCpu(s_config);
        var expected = model.Tokens([1, 2, 3], Models.Autoregressive(100));
        using var generation = model.Decode([1, 2, 3], Models.Speculative(s_config.Layers, 4, 100) with { DraftWeights = DraftWeights.Int8 });
        Assert.Equal(expected, generation.Output.ToArray());
        var statistics = generation.Statistics;
        Assert.InRange((double)statistics.Accepted / statistics.Drafted, 0.5, 1);
        Assert.Equal(s_config.Layers, statistics.MeanExitLayer);

        // Each token of a draft is a pass, and so is the verification; the prompt's round drafts nothing.
        Assert.Equal(statistics.DraftRounds + 1, statistics.Rounds);
        Assert.Equal((statistics.Rounds + statistics.Drafted) * s_config.Layers, statistics.LayerPasses);
    }

    [Theory]
    [InlineData(DraftController.Fixed)]
    [InlineData(DraftController.Confidence)]
    [InlineData(DraftController.Auto)]
    public void Where_there_is_no_coarse_copy_all_layers_draft_nothing(DraftController controller)
    {
        using var model = Models.RandomOnCpu(s_config, format: WeightFormat.Int8);
        Assert.False(model.DraftsBy(DraftWeights.Int4));
        var options = Models.Speculative(s_config.Layers, 4, 40) with { DraftWeights = DraftWeights.Int4, DraftController = controller, DraftSource = DraftSource.Exit };
        using var generation = model.Decode([1, 2, 3], options);
        Assert.Equal(model.Tokens([1, 2, 3], Models.Autoregressive(40)), generation.Output.ToArray());
        Assert.Equal((0, 40), (generation.Statistics.Drafted, generation.Statistics.Rounds));
    }

    [Theory]
    [InlineData(DraftWeights.Int8, 9)]
    [InlineData(DraftWeights.Int4, 5)]
    public void Layers_are_copied_as_drafts_come_to_them(DraftWeights weights, int bits)
    {
        // Panels and blocks of 32 weights, filled.
        var config = s_config with { HiddenSize = 64, IntermediateSize = 128, HeadDimension = 32, AttentionHeads = 2, KeyValueHeads = 1, Layers = 6 };
        using var model = Models.RandomOnCpu(config);
        var before = model.WeightBytes;
        var layer = ((64 * 4 * 32) + (64 * 64) + (3 * 64 * 128)) * bits / 8;
        model.Tokens([1, 2, 3], Models.Speculative(2, 4, 20) with { DraftWeights = weights });
        Assert.Equal(before + (2 * layer), model.WeightBytes);
        model.Tokens([1, 2, 3], Models.Speculative(4, 4, 20) with { DraftWeights = weights });
        model.Tokens([1, 2, 3], Models.Speculative(1, 4, 20) with { DraftWeights = weights });
        Assert.Equal(before + (4 * layer), model.WeightBytes);
    }

    [Fact]
    public void Not_all_layers_are_copied_to_see_whether_they_draft_better_than_a_declared_exit()
    {
        var config = s_config with { HiddenSize = 64, IntermediateSize = 128, HeadDimension = 32, AttentionHeads = 2, KeyValueHeads = 1, Layers = 6, MaxPositions = 2000 };
        using var model = Models.RandomOnCpu(config);
        var (before, layer) = (model.WeightBytes, ((64 * 4 * 32) + (64 * 64) + (3 * 64 * 128)) * 5 / 8);
        var defaults = new GenerationDefaults { ExitLayer = 2, DraftWeights = DraftWeights.Int4, DraftSource = DraftSource.Exit };
        using var generation = new Generation(model, [1, 2, 3], DecodingPlan.Create(new() { MaxNewTokens = 1900 }, config, defaults));
        while (generation.NextRound())
        {
        }

        Assert.InRange(model.WeightBytes, before, before + (5 * layer));
    }

    [Fact]
    public void Nothing_is_copied_where_that_saves_nothing()
    {
        var options = Models.Speculative(2, 4, 20) with { DraftWeights = DraftWeights.Int4 };
        foreach (var format in (WeightFormat[])[WeightFormat.Int8, WeightFormat.Int4])
        {
            using var quantized = Models.RandomOnCpu(s_config, format: format);
            Assert.False(quantized.DraftsBy(DraftWeights.Int4));
            AssertUncopied(quantized, options);
        }

        using var model = Models.RandomOnCpu(s_config);
        Assert.False(model.DraftsBy(DraftWeights.Exact));
        AssertUncopied(model, options with { DraftWeights = null });
        AssertUncopied(model, options with { NumSpeculations = 1 });
        AssertUncopied(model, options with { DraftSource = DraftSource.Lookup });
        AssertUncopied(model, options with { Mode = DecodingMode.EarlyExit });
        AssertUncopied(model, options with { Mode = DecodingMode.Autoregressive });

        static void AssertUncopied(CpuModel model, DecodingOptions options)
        {
            var before = model.WeightBytes;
            model.Tokens([1, 2, 3], options);
            Assert.Equal(before, model.WeightBytes);
        }
    }

    [Fact]
    public void A_sequence_in_company_drafts_by_the_layers_themselves()
    {
        using var model = Models.RandomOnCpu(s_config);
        var options = Models.Speculative(3, 5, 40) with { DraftWeights = DraftWeights.Int4 };
        var before = model.WeightBytes;
        using var company = new Generation(model, [1, 2, 3], DecodingPlan.Create(options, model.Config, new()));
        company.Share(2);
        while (company.NextRound())
        {
        }

        Assert.Equal(before, model.WeightBytes);
        using var exact = model.Decode([1, 2, 3], options with { DraftWeights = null });
        Assert.Equal(exact.Output.ToArray(), company.Output.ToArray());
        Assert.Equal((exact.Statistics.Accepted, exact.Statistics.LayerPasses), (company.Statistics.Accepted, company.Statistics.LayerPasses));
    }

    [Fact]
    public void Layers_that_run_again_are_counted()
    {
        using var model = Models.RandomOnCpu(s_config);
        using var exact = model.Decode([1, 2, 3], Models.Speculative(2, 4, 40));
        using var coarse = model.Decode([1, 2, 3], Models.Speculative(2, 4, 40) with { DraftWeights = DraftWeights.Int8 });
        Assert.Equal(exact.Output.ToArray(), coarse.Output.ToArray());

        // Of every round: the input's step, one for each drafted token's row but the last, the first layers once more for all of these rows, and the others.
        var rounds = coarse.Statistics.Rounds;
        Assert.Equal((2 * (rounds + coarse.Statistics.Drafted)) + ((s_config.Layers - 2) * rounds), coarse.Statistics.LayerPasses);
    }

    [Fact]
    public void A_trained_exit_guesses_nearly_as_well_by_coarse_weights()
    {
        using var model = LayerSkipModel.Load(Path.Combine(SharedData.RepositoryRoot, "models", "topv2-parser"));
        var prompt = model.Tokenizer.Encode("<|begin|><|user|> remind me to pick up milk and eggs tomorrow at 5 pm<|assistant|>");
        var options = new DecodingOptions { ExitLayer = 2, NumSpeculations = 12, DraftController = DraftController.Fixed, MaxNewTokens = 60 };
        using var exact = model.Steps.Decode(prompt, options with { DraftWeights = DraftWeights.Exact }, [.. model.Defaults.EndOfSequenceIds]);
        foreach (var weights in (DraftWeights[])[DraftWeights.Int8, DraftWeights.Int4])
        {
            using var coarse = model.Steps.Decode(prompt, options with { DraftWeights = weights }, [.. model.Defaults.EndOfSequenceIds]);
            Assert.Equal(exact.Output.ToArray(), coarse.Output.ToArray());
            Assert.InRange(coarse.Statistics.Accepted, exact.Statistics.Accepted - 2, exact.Statistics.Accepted + 2);
        }
    }

    [Fact]
    public void Copying_ends_when_it_is_cancelled_and_goes_on_another_time()
    {
        using var model = Models.RandomOnCpu(s_config);
        var before = model.WeightBytes;
        Assert.Throws<OperationCanceledException>(() => model.PrepareDraftLayers(2, DraftWeights.Int4, new CancellationToken(canceled: true)));
        Assert.Equal(before, model.WeightBytes);
        Assert.True(model.PrepareDraftLayers(2, DraftWeights.Int4, TestContext.Current.CancellationToken));
        Assert.True(model.WeightBytes > before);
    }

    private static float[] States(CpuModel model, int[] tokens, Action<RowBuffer, int> run)
    {
        using var cache = model.CreateCache();
        using var rows = model.CreateRows(tokens.Length);
        rows.Place(0, tokens.Length, cache, 0);
        model.Embed(rows, 0, tokens);
        run(rows, s_config.Layers);
        var states = new float[tokens.Length * s_config.HiddenSize];
        model.Normalize(rows, 0, tokens.Length, states);
        return states;
    }
}
