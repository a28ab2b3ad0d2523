using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Decoding.Drafting;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Scheduling;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Decoding;

/// <summary>Whatever a controller decides, and wherever drafts come from, the tokens are the full model's.</summary>
public class DraftingTests
{
    private static readonly WeightFormat[] s_formats = [.. Enum.GetValues<WeightFormat>().Where(format => format != WeightFormat.Auto)];

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
        for (var round = 0; round < TestedDevice.Many(10, few: 2); round++)
        {
            var config = Models.RandomConfig(random);
            var format = s_formats[(round + (int)controller) % s_formats.Length];
            int[]? vocabulary = random.Next(2) == 0 ? null : [.. Enumerable.Range(0, config.VocabularySize).Where(token => token == 0 || random.Next(3) == 0)];
            using var model = Models.Random(config, (ulong)round, format, 1 + (round % 2), draftVocabulary: vocabulary);
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
    public void Constrained_tokens_and_log_probabilities_are_those_of_full_depth(DraftController controller, DraftSource source)
    {
        var tokenizer = Tokenizer.Load(Path.Combine(SharedData.RepositoryRoot, "models", "topv2-parser"));
        var grammar = new Grammar();
        var constraint = new TokenConstraint(
            grammar.Repeat(grammar.Sequence(grammar.OneOf(["alarm", "reminder", "all of it"]), grammar.Literal(" = "), grammar.TextUntil(";"), grammar.Literal(", ")), 1, 4),
            tokenizer);
        var config = TinyCheckpoint.DefaultConfig with { VocabularySize = 2400, MaxPositions = 400 };
        using var model = Models.Random(config, seed: 3);
        var random = new Random(51 + (10 * (int)controller) + (int)source);
        var prompt = tokenizer.Encode("alarm = 7;, reminder = 8;, all of it = ");
        for (var round = 0; round < TestedDevice.Many(6, few: 2); round++)
        {
            var options = Options(random, config, controller, source) with { Constraint = constraint, TopLogProbabilities = 2, MaxNewTokens = random.Next(1, TestedDevice.Many(60, few: 20)) };
            options = round % 2 == 0 ? options : options with { Sampling = new() { Temperature = 0.8f, Seed = (ulong)round } };
            int[] stops = round % 3 == 0 ? [] : [2303];
            using var expected = model.Decode(prompt, options with { Mode = DecodingMode.Autoregressive }, stops);
            using var actual = model.Decode(prompt, options, stops);
            Assert.Equal(expected.Output.ToArray(), actual.Output.ToArray());
            Assert.Equal((expected.FinishReason, expected.Statistics.Forced), (actual.FinishReason, actual.Statistics.Forced));
            for (var i = 0; i < expected.Output.Length; i++)
            {
                Assert.Equal(expected.LogProbabilities(i).Chosen, actual.LogProbabilities(i).Chosen);
                Assert.Equal(expected.LogProbabilities(i).Top.ToArray(), actual.LogProbabilities(i).Top.ToArray());
            }
        }
    }

    [Fact]
    public async Task Requests_of_all_kinds_at_once_get_the_tokens_of_full_depth()
    {
        var config = TinyCheckpoint.DefaultConfig with { MaxPositions = 400 };
        using var weights = new RandomWeightSource(config, 7, TensorDataType.F32);
        using var model = LayerSkipModel.FromWeights("random", config, weights, options: TestedDevice.Options(2));
        using var engine = new LayerSkipEngine(model);
        var random = new Random(61);
        int[] beginning = [.. Enumerable.Range(0, 60).Select(_ => random.Next(config.VocabularySize))];
        var requests = Kinds().SelectMany(kind => Enumerable.Range(0, TestedDevice.Many(2, few: 1)).Select(round =>
        {
            int[] prompt = [.. beginning[..random.Next(1, 60)], .. Enumerable.Range(0, random.Next(1, 9)).Select(_ => random.Next(config.VocabularySize))];
            return (Prompt: prompt, Options: Options(random, config, kind.Data.Item1, kind.Data.Item2) with
            {
                Sampling = round == 0 ? null : new() { Temperature = 0.9f, Seed = (ulong)random.Next() },
            });
        })).ToArray();
        var answers = await Task.WhenAll(requests.Select(async request =>
        {
            await using var reader = engine.Generate(request.Prompt, request.Options, TestContext.Current.CancellationToken);
            var tokens = new List<int>();
            while (await reader.WaitToReadAsync())
            {
                tokens.AddRange(reader.Read());
            }

            return tokens;
        }));
        foreach (var (request, answer) in requests.Zip(answers))
        {
            using var alone = model.Generate(request.Prompt, request.Options with { Mode = DecodingMode.Autoregressive });
            while (alone.NextRound())
            {
            }

            Assert.Equal(alone.Output.ToArray(), answer);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Decoding_allocates_nothing_for_each_token(DraftController controller, DraftSource source) => AllocatesNothing(controller, source, DraftWeights.Exact);

    [Fact]
    public void Drafts_by_coarse_weights_allocate_nothing_for_each_token() => AllocatesNothing(DraftController.Fixed, DraftSource.Exit, DraftWeights.Int4);

    [Theory]
    [InlineData(DraftController.Fixed)]
    [InlineData(DraftController.Auto)]
    public void Drafts_by_all_layers_allocate_nothing_for_each_token(DraftController controller) =>
        AllocatesNothing(controller, DraftSource.Exit, DraftWeights.Int8, TinyCheckpoint.DefaultConfig.Layers);

    private static void AllocatesNothing(DraftController controller, DraftSource source, DraftWeights weights, int exitLayer = 2)
    {
        var config = TinyCheckpoint.DefaultConfig with { MaxPositions = 2000 };
        using var model = Models.Random(config);

        // The device's buffers come to the size of the longest draft, which not every controller makes soon.
        model.Tokens([1, 2, 3], Models.Speculative(2, 5, TestedDevice.Many(100, few: 20)) with { DraftWeights = weights });
        using var cache = model.CreateCache();
        cache.Reserve(2000);
        var options = new DecodingOptions { ExitLayer = exitLayer, NumSpeculations = 5, MaxNewTokens = 1900, DraftController = controller, DraftSource = source, DraftWeights = weights };
        using var generation = new Generation(model, [1, 2, 3], DecodingPlan.Create(options, config, new()));
        cache.Continue(config.Layers, 0);
        generation.Continue(cache);
        void Stretch()
        {
            for (var i = 0; i < TestedDevice.Many(60, few: 8); i++)
            {
                Assert.True(generation.NextRound());
            }
        }

        Stretch();
        Assert.Equal(0, Allocations.Least(Stretch));
    }

    [Fact]
    public void Copies_go_on_over_themselves()
    {
        var config = TinyCheckpoint.DefaultConfig;
        using var model = Models.Random(config);
        for (var period = 1; period <= 5; period++)
        {
            int[] prompt = [.. Enumerable.Range(0, 20).Select(i => 10 + (i % period))];
            var options = Models.Speculative(1, 12, 30) with { DraftSource = DraftSource.Lookup };
            using var generation = new Generation(model, prompt, DecodingPlan.Create(options, config, new()));
            generation.NextRound();
            Assert.Equal(Enumerable.Range(20, 12).Select(i => 10 + (i % period)), generation.RoundDraft.ToArray());
        }
    }

    [Fact]
    public void What_a_copy_over_itself_would_have_brought_is_learned_to_its_end()
    {
        using var model = ScriptedModel.Create([new string('x', 60) + new string('y', 40)]);
        var controller = new Copies(8);
        var options = Models.Speculative(1, 8, 100) with { DraftSource = DraftSource.Lookup };
        using var generation = new Generation(model.Steps, model.Tokenizer.Encode("?"), DecodingPlan.Create(options, model.Config, new()), controller);
        while (generation.NextRound())
        {
        }

        // Of a period of one token all that a round brings, and where it ends what comes before.
        Assert.Contains(new LookupOutcome(ContextLookup.MaxMatch, 9, IsWrong: false), controller.Outcomes);
        Assert.Single(controller.Outcomes, outcome => outcome is { Length: ContextLookup.MaxMatch, IsWrong: true });
    }

    private static DecodingOptions Options(Random random, ModelConfig config, DraftController controller, DraftSource source)
    {
        var weights = Models.SomeDraftWeights(random);
        var last = controller == DraftController.Dynamic ? config.Layers - 1 : DecodingPlan.LastExit(config.Layers, weights);
        return new()
        {
            Mode = DecodingMode.SelfSpeculative,
            DraftController = controller,
            DraftSource = source,
            ExitLayer = controller is DraftController.Auto or DraftController.Dynamic && random.Next(2) == 0 ? null : random.Next(3) == 0 ? last : random.Next(1, last + 1),
            NumSpeculations = random.Next(1, 12),
            DraftThreshold = random.NextSingle(),
            DraftWeights = weights,
            MaxNewTokens = random.Next(1, TestedDevice.Many(80, few: 40)),
        };
    }

    /// <summary>Copies wherever there is something to copy, and keeps what became of it.</summary>
    private sealed class Copies(int length) : IDraftController
    {
        public List<LookupOutcome> Outcomes { get; } = [];

        public DraftPlan Next(in LookupMatch match, int inputs) => match.IsEmpty ? DraftPlan.None : DraftPlan.Lookup(length);

        public void Learn(in RoundOutcome outcome) => Outcomes.Add(outcome.Match);
    }
}
