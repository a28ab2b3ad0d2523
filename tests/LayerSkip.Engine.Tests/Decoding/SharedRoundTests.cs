using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Tests.Tokenization;

namespace LayerSkip.Engine.Tests.Decoding;

/// <summary>Rounds of several sequences that draft together, and are verified in one pass: each gets what it gets alone.</summary>
public class SharedRoundTests
{
    [Fact]
    public void Sequences_that_share_passes_get_what_each_gets_alone()
    {
        var random = new Random(21);
        var shared = 0;
        for (var round = 0; round < TestedDevice.Many(30, few: 3); round++)
        {
            var format = (WeightFormat[])[WeightFormat.F32, WeightFormat.BF16, WeightFormat.Int8, WeightFormat.Int4];
            var isConstrained = round % 3 == 2;
            var config = Models.RandomConfig(random);
            using var model = Models.Random(
                isConstrained ? config with { VocabularySize = 2400 } : config,
                (ulong)round,
                format[round % 4],
                threads: 1 + (round % 2),
                draftVocabulary: round % 4 > 1 ? [.. Enumerable.Range(0, config.VocabularySize / 2)] : null);
            var requests = Enumerable.Range(0, random.Next(2, 7)).Select(
                i => (Prompt: Prompt(random, model), Options: Options(random, model) with { Constraint = isConstrained && i % 2 == 0 ? Numbers(takesCertainText: i % 4 != 0) : null })).ToArray();
            var expected = requests.Select(request => Alone(model, request.Prompt, request.Options)).ToArray();

            var generations = requests.Select(request => Start(model, request.Prompt, request.Options)).ToArray();

            // Some share a step of their drafts, or a pass, others run their own.
            shared += SharedTurns.Run(model, generations, () => random.Next(4) > 0);
            Assert.Equal(expected, generations.Zip(requests, static (generation, request) => Written(generation, request.Options)));
            Array.ForEach(generations, static generation => generation.Dispose());
        }

        Assert.Equal(TestedDevice.SharesPasses, shared > 0);
    }

    private static int[] Prompt(Random random, IDeviceModel model) =>
        [.. Enumerable.Range(0, random.Next(3) == 0 ? random.Next(20, 60) : random.Next(1, 6)).Select(_ => random.Next(model.Config.VocabularySize))];

    /// <summary>A language that forces some tokens, unless the model is to choose those too, and leaves a choice of others.</summary>
    private static TokenConstraint Numbers(bool takesCertainText)
    {
        var grammar = new Grammar();
        return new(grammar.Repeat(grammar.Sequence(grammar.Literal("number: "), grammar.OneOf(["one", "two", "twenty-two"]), grammar.Literal("; ")), 1, 20), TestTokenizers.Parser)
        {
            TakesCertainText = takesCertainText,
        };
    }

    private static DecodingOptions Options(Random random, IDeviceModel model)
    {
        var layers = model.Config.Layers;
        var options = random.Next(4) switch
        {
            0 => Models.Autoregressive(random.Next(5, 30)),
            1 => new() { Mode = DecodingMode.EarlyExit, ExitLayer = random.Next(1, layers), MaxNewTokens = random.Next(5, 30) },
            2 => new() { DraftController = DraftController.Auto, MaxNewTokens = random.Next(5, 30) },
            _ => Models.Speculative(random.Next(1, layers), random.Next(1, 6), random.Next(5, 30)) with { DraftSource = (DraftSource)random.Next(3) },
        };
        return options with
        {
            Sampling = random.Next(2) == 0 ? new() : new() { Temperature = 1, Seed = (ulong)random.Next() },
            TopLogProbabilities = random.Next(3) == 0 ? 1 : null,
        };
    }

    private static string Alone(IDeviceModel model, int[] prompt, DecodingOptions options)
    {
        using var generation = model.Decode(prompt, options);
        return Written(generation, options);
    }

    private static Generation Start(IDeviceModel model, int[] prompt, DecodingOptions options) =>
        new(model, prompt, DecodingPlan.Create(options, model.Config, new()));

    /// <summary>
    /// The output, and, where they were asked for, the bits of its tokens' log-probabilities; what came of drafts, too, where it does not depend on how long steps take: a guess
    /// that got lost would cost time alone.
    /// </summary>
    private static string Written(Generation generation, DecodingOptions options)
    {
        var tokens = string.Join(' ', generation.Output.ToArray().Index().Select(token =>
            options.TopLogProbabilities is null
                ? $"{token.Item}"
                : $"{token.Item}:{BitConverter.SingleToInt32Bits(generation.LogProbabilities(token.Index).Chosen.LogProbability):x}"));
        var statistics = generation.Statistics;
        return options.DraftController == DraftController.Auto ? tokens : $"{tokens}, {statistics.Accepted} of {statistics.Drafted} drafted in {statistics.Rounds} rounds";
    }
}
