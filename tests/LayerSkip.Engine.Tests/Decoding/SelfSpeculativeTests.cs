using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Decoding.Drafting;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Tests.Devices;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Decoding;

/// <summary>Greedy self-speculation gives the tokens, and the cache, of greedy full depth.</summary>
public class SelfSpeculativeTests
{
    [Fact]
    public void Output_equals_autoregressive_for_every_exit_layer_and_length()
    {
        var random = new Random(21);
        WeightFormat[] formats = [WeightFormat.F32, WeightFormat.BF16, WeightFormat.Int8, WeightFormat.Int4];
        for (var round = 0; round < TestedDevice.Many(16, few: 4); round++)
        {
            var config = Models.RandomConfig(random);
            using var model = Models.Random(config, (ulong)round, formats[round % 4], threads: 1 + (round / 4 % 2));
            var prompt = Tokens(random, config, random.Next(1, 30));
            var maxNewTokens = random.Next(1, TestedDevice.Many(60, few: 20));
            int[] endOfSequence = round % 3 == 0 ? [] : [random.Next(config.VocabularySize), random.Next(config.VocabularySize)];
            using var expected = model.Decode(prompt, Models.Autoregressive(maxNewTokens), endOfSequence);
            for (var exitLayer = 1; exitLayer <= config.Layers; exitLayer++)
            {
                for (var d = 1; d <= 8; d += TestedDevice.Many(1, few: 3))
                {
                    var weights = exitLayer == config.Layers ? DraftWeights.Int8 + random.Next(2) : Models.SomeDraftWeights(random);
                    var options = Models.Speculative(exitLayer, d, maxNewTokens) with { DraftWeights = weights };
                    using var actual = model.Decode(prompt, options, endOfSequence);
                    Assert.Equal(expected.Output.ToArray(), actual.Output.ToArray());
                    Assert.Equal(expected.FinishReason, actual.FinishReason);
                }
            }
        }
    }

    [Fact]
    public void Cache_after_every_round_equals_that_of_a_fresh_pass()
    {
        var random = new Random(22);
        for (var round = 0; round < TestedDevice.Many(6, few: 2); round++)
        {
            var config = Models.RandomConfig(random);
            using var model = Models.Random(config, (ulong)round, threads: 2);
            var prompt = Tokens(random, config, random.Next(1, 20));
            var weights = Models.SomeDraftWeights(random);
            var exitLayer = round == 0 ? config.Layers : random.Next(1, DecodingPlan.LastExit(config.Layers, weights) + 1);
            weights = round == 0 ? DraftWeights.Int8 : weights;
            var plan = Plan(config, Models.Speculative(exitLayer, random.Next(1, 9), 40) with { DraftWeights = weights });
            using var generation = new Generation(model, prompt, plan);
            while (generation.NextRound())
            {
                var length = generation.Cache.Length;
                Assert.Equal(prompt.Length + generation.Output.Length - 1, length);

                int[] tokens = [.. prompt, .. generation.Output];
                using var fresh = model.CreateCache();
                using var rows = model.CreateRows(length);
                rows.Place(0, length, fresh, 0);
                model.Embed(rows, 0, tokens.AsSpan(0, length));
                model.RunLayers(rows, 0, length, 0, config.Layers);
                Assert.Equal(TestedDevice.Entries(model, fresh, length), TestedDevice.Entries(model, generation.Cache, length));
            }
        }
    }

    [Fact]
    public void Exit_layer_and_length_may_change_between_rounds()
    {
        var random = new Random(23);
        for (var round = 0; round < TestedDevice.Many(8, few: 2); round++)
        {
            var config = Models.RandomConfig(random);
            using var model = Models.Random(config, (ulong)round);
            var prompt = Tokens(random, config, 5);
            var expected = model.Tokens(prompt, Models.Autoregressive(50));
            var options = Models.Speculative(1, 1, 50) with { DraftWeights = Models.SomeDraftWeights(random) };
            using var actual = model.Decode(prompt, options, controller: new RandomDraft(config.Layers, new Random(round)));
            Assert.Equal(expected, actual.Output.ToArray());
        }
    }

    [Fact]
    public void Prompts_longer_than_a_prefill_pass_decode_alike()
    {
        var config = TinyCheckpoint.DefaultConfig with { MaxPositions = 700 };
        using var model = Models.Random(config, threads: 2);
        int[] lengths = [Generation.PrefillRows + 1, (2 * Generation.PrefillRows) + 77, Generation.PrefillRows, Generation.PrefillRows - 1];
        foreach (var length in lengths.Take(TestedDevice.Many(4, few: 1)))
        {
            var prompt = Tokens(new Random(length), config, length);
            var expected = model.Tokens(prompt, Models.Autoregressive(20));
            Assert.Equal(expected, model.Tokens(prompt, Models.Speculative(2, 5, 20)));

            // And as if the prompt had come token by token.
            using var stepwise = model.CreateCache();
            using var rows = model.CreateRows(1);
            var next = new int[1];
            for (var i = 0; i < length; i++)
            {
                rows.Place(0, 1, stepwise, i);
                model.Embed(rows, 0, prompt.AsSpan(i, 1));
                model.RunLayers(rows, 0, 1, 0, config.Layers);
            }

            model.ArgMax(rows, 0, next);
            Assert.Equal(expected[0], next[0]);
        }
    }

    [Fact]
    public void Generation_ends_at_the_context()
    {
        var config = TinyCheckpoint.DefaultConfig;
        using var model = Models.Random(config);
        foreach (var length in (int[])[TestedDevice.Many(1, few: 80), 100, 126, 127])
        {
            var prompt = Tokens(new Random(length), config, length);
            using var plain = model.Decode(prompt, new DecodingOptions());
            using var speculative = model.Decode(prompt, Models.Speculative(1, 8, int.MaxValue));
            Assert.Equal(128 - length, plain.Output.Length);
            Assert.Equal(FinishReason.ContextEnd, plain.FinishReason);
            Assert.Equal(plain.Output.ToArray(), speculative.Output.ToArray());
            Assert.Equal(FinishReason.ContextEnd, speculative.FinishReason);
        }
    }

    [Fact]
    public void A_stop_inside_a_draft_ends_at_its_earliest_position()
    {
        var config = TinyCheckpoint.DefaultConfig;
        using var model = Models.Random(config, seed: 5);
        var free = model.Tokens([1, 2, 3], Models.Autoregressive(40));

        // Stop at each token that a free run produces, with a second id that comes later: the earliest counts.
        for (var at = 0; at < 20; at += TestedDevice.Many(1, few: 7))
        {
            int[] stops = [free[^1], free[at]];
            var expected = free[..(Array.FindIndex(free, stops.Contains) + 1)];
            for (var d = 1; d <= 8; d += TestedDevice.Many(1, few: 3))
            {
                using var generation = model.Decode([1, 2, 3], Models.Speculative(2, d, 40), stops);
                Assert.Equal(expected, generation.Output.ToArray());
                Assert.Equal(FinishReason.Stop, generation.FinishReason);
                Assert.False(generation.NextRound());
            }
        }
    }

    [Fact]
    public void Own_stop_ids_come_beside_the_checkpoints_and_theirs_may_be_ignored()
    {
        var config = TinyCheckpoint.DefaultConfig;
        using var model = Models.Random(config, seed: 5);
        var free = model.Tokens([1, 2, 3], Models.Autoregressive(40));
        var end = Array.IndexOf(free, free[7]);
        Assert.Equal(free[..(end + 1)], model.Tokens([1, 2, 3], Models.Autoregressive(40) with { StopTokenIds = [free[7]] }));
        Assert.Equal(free, model.Tokens([1, 2, 3], Models.Autoregressive(40) with { IgnoreEndOfSequence = true }, [free[7]]));
    }

    [Fact]
    public void Statistics_keep_their_identities()
    {
        var config = TinyCheckpoint.DefaultConfig;
        using var model = Models.Random(config, seed: 3);
        using var generation = model.Decode([1, 2], Models.Speculative(2, 4, 50));
        var statistics = generation.Statistics;
        Assert.Equal(50, statistics.Tokens);
        Assert.Equal(statistics.Tokens, statistics.Rounds + statistics.Accepted);
        Assert.Equal((statistics.Rounds * config.Layers) + (statistics.Drafted * 2), statistics.LayerPasses);
        Assert.Equal((double)statistics.Accepted / statistics.Drafted, statistics.AcceptanceRate);
        Assert.Equal(statistics.Rounds, statistics.DraftedPerRound.Sum());
        Assert.Equal(statistics.Drafted, statistics.DraftedPerRound.Select((rounds, tokens) => rounds * tokens).Sum());
        Assert.Equal(statistics.Rounds, statistics.AcceptedPerRound.Sum());
        Assert.Equal(statistics.Accepted, statistics.AcceptedPerRound.Select((rounds, tokens) => rounds * tokens).Sum());
        Assert.NotEqual(0, statistics.AcceptedPerRound[^1]);
        Assert.Equal(2, statistics.MeanExitLayer);
        Assert.Equal(generation.Cache.Bytes, statistics.KvBytes);
        Assert.True(statistics.DraftTime + statistics.VerifyTime <= statistics.TotalTime + TimeSpan.FromTicks(100));

        using var plain = model.Decode([1, 2], Models.Autoregressive(50));
        Assert.Equal((50, 0, 0.0), (plain.Statistics.Rounds, plain.Statistics.Drafted, plain.Statistics.AcceptanceRate));
        Assert.Equal(50 * config.Layers, plain.Statistics.LayerPasses);
    }

    [Fact]
    public void Bad_requests_name_what_is_wrong()
    {
        var config = TinyCheckpoint.DefaultConfig;
        using var model = Models.Random(config);
        void Fails<T>(string message, DecodingOptions? options = null, params int[] prompt)
            where T : ArgumentException
        {
            var error = Assert.Throws<T>(() => model.Decode(prompt, options ?? new()));
            Assert.Contains(message, error.Message, StringComparison.Ordinal);
        }

        Fails<ArgumentException>("empty");
        Fails<ArgumentException>("128", null, new int[128]);
        Fails<ArgumentOutOfRangeException>("0..96", null, 97);
        Fails<ArgumentOutOfRangeException>("0..96", null, -1);
        Fails<ArgumentOutOfRangeException>("1..3", new() { ExitLayer = 4 }, 1);
        Fails<ArgumentOutOfRangeException>("1..3", new() { ExitLayer = 0 }, 1);
        Fails<ArgumentOutOfRangeException>("1..3", new() { ExitLayer = 5, DraftWeights = DraftWeights.Int8 }, 1);
        Fails<ArgumentOutOfRangeException>("coarse DraftWeights alone", new() { ExitLayer = 4, DraftWeights = DraftWeights.Exact }, 1);
        Fails<ArgumentOutOfRangeException>("but Dynamic", new() { ExitLayer = 4, DraftWeights = DraftWeights.Int8, DraftController = DraftController.Dynamic }, 1);
        Fails<ArgumentOutOfRangeException>("1..3", new() { Mode = DecodingMode.EarlyExit, ExitLayer = 4, DraftWeights = DraftWeights.Int8 }, 1);
        Fails<ArgumentOutOfRangeException>("1..64", new() { NumSpeculations = 65 }, 1);
        Fails<ArgumentOutOfRangeException>("1..64", new() { NumSpeculations = 0 }, 1);
        Fails<ArgumentOutOfRangeException>("MaxNewTokens", new() { MaxNewTokens = 0 }, 1);
        Fails<ArgumentException>("declares none", new() { Mode = DecodingMode.SelfSpeculative, DraftController = DraftController.Fixed }, 1);
        Fails<ArgumentOutOfRangeException>("DraftController", new() { DraftController = (DraftController)9 }, 1);
        Fails<ArgumentOutOfRangeException>("DraftSource", new() { DraftSource = (DraftSource)9 }, 1);
        Fails<ArgumentOutOfRangeException>("DraftWeights", new() { DraftWeights = (DraftWeights)9 }, 1);
        Fails<ArgumentOutOfRangeException>("0..1", new() { DraftThreshold = 1.1f }, 1);
        Fails<ArgumentOutOfRangeException>("0..1", new() { DraftThreshold = float.NaN }, 1);
        Fails<ArgumentException>("declares none", new() { Mode = DecodingMode.EarlyExit }, 1);
        Fails<ArgumentOutOfRangeException>("Mode", new() { Mode = (DecodingMode)9 }, 1);
        Fails<ArgumentOutOfRangeException>("StopTokenIds", new() { StopTokenIds = [97] }, 1);
        Fails<ArgumentOutOfRangeException>("Temperature", new() { Sampling = new() { Temperature = -1 } }, 1);
        Fails<ArgumentOutOfRangeException>("Temperature", new() { Sampling = new() { Temperature = float.NaN } }, 1);
        Fails<ArgumentOutOfRangeException>("TopP", new() { Sampling = new() { TopP = 0 } }, 1);
        Fails<ArgumentOutOfRangeException>("TopK", new() { Sampling = new() { TopK = -1 } }, 1);
        Assert.Equal(0, model.KvBytes);
    }

    [Fact]
    public void Checkpoint_defaults_fill_what_a_request_leaves_open()
    {
        var config = TinyCheckpoint.DefaultConfig;
        var declared = new GenerationDefaults { ExitLayer = 3, NumSpeculations = 6 };
        DecodingPlan With(DecodingOptions options, GenerationDefaults defaults) => DecodingPlan.Create(options, config, defaults);

        var own = With(new(), declared);
        Assert.Equal((DecodingMode.SelfSpeculative, 3, 16, 4), (own.Mode, own.ExitLayer, own.NumSpeculations, own.Depth));
        Assert.Equal((DraftController.Auto, DraftSource.Combined), (own.Controller, own.Source));
        var asDeclared = With(new(), declared with { DraftController = DraftController.Confidence, DraftThreshold = 0.3f, DraftSource = DraftSource.Exit });
        Assert.Equal(
            (DraftController.Confidence, DraftSource.Exit, 0.3f, 6), (asDeclared.Controller, asDeclared.Source, asDeclared.DraftThreshold, asDeclared.NumSpeculations));
        Assert.Equal(0.9f, With(new() { DraftController = DraftController.Adaptive }, declared with { DraftController = DraftController.Confidence, DraftThreshold = 0.3f }).DraftThreshold);
        Assert.Equal(0.7f, With(new() { DraftController = DraftController.Adaptive, DraftThreshold = 0.7f }, declared).DraftThreshold);
        var chooses = With(new() { DraftController = DraftController.Auto }, new());
        Assert.Equal((DecodingMode.SelfSpeculative, 1, false, false), (chooses.Mode, chooses.ExitLayer, chooses.IsExitFixed, chooses.IsExitDeclared));
        var copies = With(new() { DraftSource = DraftSource.Lookup, DraftController = DraftController.Fixed, NumSpeculations = 9 }, new());
        Assert.Equal((DecodingMode.SelfSpeculative, 9), (copies.Mode, copies.NumSpeculations));
        var asked = With(new() { ExitLayer = 1, NumSpeculations = 2 }, declared);
        Assert.Equal((DecodingMode.SelfSpeculative, 1, 2, DraftController.Fixed), (asked.Mode, asked.ExitLayer, asked.NumSpeculations, asked.Controller));
        var silent = With(new(), new());
        Assert.Equal((DecodingMode.Autoregressive, 4, 0), (silent.Mode, silent.ExitLayer, silent.NumSpeculations));
        var exitOnly = With(new() { ExitLayer = 2 }, new());
        Assert.Equal((DecodingMode.SelfSpeculative, 2), (exitOnly.Mode, exitOnly.ExitLayer));
        var early = With(new() { Mode = DecodingMode.EarlyExit }, declared);
        Assert.Equal((3, 0, 3), (early.ExitLayer, early.NumSpeculations, early.Depth));
    }

    [Fact]
    public void All_layers_draft_by_coarse_weights_where_nothing_else_is_said()
    {
        var config = TinyCheckpoint.DefaultConfig;
        (DecodingMode, int, DraftController) With(DecodingOptions options, GenerationDefaults defaults)
        {
            var plan = DecodingPlan.Create(options, config, defaults);
            return (plan.Mode, plan.ExitLayer, plan.Controller);
        }

        var coarse = new DecodingOptions { DraftWeights = DraftWeights.Int8 };
        Assert.Equal((DecodingMode.SelfSpeculative, 4, DraftController.Auto), With(coarse, new()));
        Assert.Equal((DecodingMode.SelfSpeculative, 4, DraftController.Auto), With(new(), new() { DraftWeights = DraftWeights.Int4 }));
        Assert.Equal((DecodingMode.SelfSpeculative, 4, DraftController.Fixed), With(coarse with { NumSpeculations = 3 }, new()));
        Assert.Equal((DecodingMode.SelfSpeculative, 4, DraftController.Confidence), With(coarse with { DraftController = DraftController.Confidence }, new()));
        Assert.Equal((DecodingMode.SelfSpeculative, 2, DraftController.Auto), With(coarse, new() { ExitLayer = 2 }));
        Assert.Equal((DecodingMode.SelfSpeculative, 1, DraftController.Dynamic), With(coarse with { DraftController = DraftController.Dynamic }, new()));
        Assert.Equal((DecodingMode.Autoregressive, 4, DraftController.Auto), With(new() { DraftWeights = DraftWeights.Exact }, new()));

        // What a checkpoint says of coarse drafts is not said of others.
        var declared = new GenerationDefaults { ExitLayer = 4, NumSpeculations = 6, DraftWeights = DraftWeights.Int8 };
        Assert.Equal((DecodingMode.SelfSpeculative, 4, DraftController.Auto), With(new(), declared));
        Assert.Equal((DecodingMode.SelfSpeculative, 1, DraftController.Auto), With(new() { DraftWeights = DraftWeights.Exact }, declared));
        Assert.Throws<ArgumentException>(() => With(new() { Mode = DecodingMode.EarlyExit }, declared));

        // A device that has no copies decodes as if nobody had spoken of them.
        Assert.Equal(DecodingMode.Autoregressive, Bare(new(), declared).Mode);
        Assert.Equal(DecodingMode.Autoregressive, Bare(coarse, new()).Mode);
        Assert.Equal((DecodingMode.SelfSpeculative, DraftController.Auto), (Bare(new() { Mode = DecodingMode.SelfSpeculative }, declared).Mode, Bare(new(), declared).Controller));
        Assert.Equal((DecodingMode.SelfSpeculative, 2), (Bare(coarse, new() { ExitLayer = 2 }).Mode, Bare(coarse, new() { ExitLayer = 2 }).ExitLayer));

        DecodingPlan Bare(DecodingOptions options, GenerationDefaults defaults) => DecodingPlan.Create(options, config, defaults, runsRounds: true, draftsBy: static _ => false);
    }

    [Fact]
    public void A_model_of_one_layer_drafts_by_its_copy()
    {
        var config = TinyCheckpoint.DefaultConfig with { Layers = 1 };
        using var model = Models.Random(config);
        var expected = model.Tokens([1, 2, 3], Models.Autoregressive(60));
        foreach (var controller in (DraftController[])[DraftController.Fixed, DraftController.Auto])
        {
            using var generation = model.Decode([1, 2, 3], Models.Speculative(1, 4, 60) with { DraftWeights = DraftWeights.Int8, DraftController = controller, DraftSource = DraftSource.Exit });
            Assert.Equal(expected, generation.Output.ToArray());
        }
    }

    [Theory]
    [InlineData(DraftController.Fixed)]
    [InlineData(DraftController.Auto)]
    public void Where_all_layers_cannot_be_copied_others_draft_or_none(DraftController controller)
    {
        var config = TinyCheckpoint.DefaultConfig with { MaxPositions = 700 };
        using var model = Models.RandomOnCpu(config);
        using var scarce = new Scarce(model);
        var options = new DecodingOptions { DraftWeights = DraftWeights.Int8, DraftController = controller, DraftSource = DraftSource.Exit, MaxNewTokens = 600 };
        using var generation = scarce.Decode([1, 2, 3], options);
        Assert.Equal(model.Tokens([1, 2, 3], Models.Autoregressive(600)), generation.Output.ToArray());
        Assert.InRange(scarce.Asked, 1, 600);
        Assert.NotEqual(config.Layers, generation.Statistics.MeanExitLayer);
    }

    private static DecodingPlan Plan(ModelConfig config, DecodingOptions options) => DecodingPlan.Create(options, config, new());

    private static int[] Tokens(Random random, ModelConfig config, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => random.Next(config.VocabularySize))];

    /// <summary>A device that has memory for copies of some layers, but not of all.</summary>
    private sealed class Scarce(IDeviceModel inner) : DelegatingDevice(inner)
    {
        public int Asked { get; private set; }

        public override bool PrepareDraftLayers(int layers, DraftWeights weights, CancellationToken cancellationToken = default)
        {
            Asked += layers == Config.Layers ? 1 : 0;
            return layers < Config.Layers && base.PrepareDraftLayers(layers, weights, cancellationToken);
        }
    }

    private sealed class RandomDraft(int layers, Random random) : IDraftController
    {
        public DraftPlan Next(in LookupMatch match, int inputs) => new(random.Next(1, layers + 1), random.Next(0, 9));
    }
}
