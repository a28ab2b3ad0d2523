using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Sampling;
using LayerSkip.Engine.Scheduling;
using LayerSkip.Engine.Tests.Scheduling;
using LayerSkip.Engine.Tests.Tokenization;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Decoding;

/// <summary>Log-probabilities are the model's own, however its tokens were decoded.</summary>
public class LogProbabilityTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(20)]
    public void They_are_those_of_a_fresh_pass_over_the_output(int top)
    {
        var random = new Random(top);
        for (var round = 0; round < TestedDevice.Many(6, few: 3); round++)
        {
            var config = Models.RandomConfig(random) with { VocabularySize = random.Next(20, 90) };
            using var model = Models.Random(config, (ulong)round, threads: 2);
            int[] prompt = [.. Enumerable.Range(0, random.Next(1, 20)).Select(_ => random.Next(config.VocabularySize))];
            var options = round % 3 == 0 ? Models.Autoregressive(30) : Models.Speculative(random.Next(1, config.Layers), random.Next(1, 6), 30);
            options = options with { TopLogProbabilities = top, Sampling = new() { Temperature = round % 2, TopK = 5, Seed = 3 } };
            using var generation = model.Decode(prompt, options);

            int[] tokens = [.. prompt, .. generation.Output];
            var logits = new float[tokens.Length * config.VocabularySize];
            using var cache = model.CreateCache();
            using var rows = model.CreateRows(tokens.Length);
            rows.Place(0, tokens.Length, cache, 0);
            model.Embed(rows, 0, tokens);
            model.RunLayers(rows, 0, tokens.Length, 0, config.Layers);
            model.Logits(rows, 0, tokens.Length, logits);
            for (var i = 0; i < generation.Output.Length; i++)
            {
                var expected = LogSoftmax(logits.AsSpan((prompt.Length + i - 1) * config.VocabularySize, config.VocabularySize));
                var actual = generation.LogProbabilities(i);
                Assert.Equal(generation.Output[i], actual.Chosen.Token);
                Assert.Equal(expected[actual.Chosen.Token], actual.Chosen.LogProbability, 1e-5);
                var best = Enumerable.Range(0, expected.Length).OrderByDescending(token => (float)expected[token]).ThenBy(static token => token).Take(top);
                Assert.Equal(best.Select(token => (float)expected[token]), actual.Top.ToArray().Select(static entry => entry.LogProbability), (x, y) => Math.Abs(x - y) < 1e-5);
                Assert.Equal(top, actual.Top.ToArray().Select(static entry => entry.Token).Distinct().Count());
                foreach (var entry in actual.Top.ToArray())
                {
                    Assert.Equal(expected[entry.Token], entry.LogProbability, 1e-5);
                }
            }
        }
    }

    [Fact]
    public void Speculation_processors_and_asking_change_nothing()
    {
        using var model = Models.Random(TinyCheckpoint.DefaultConfig, seed: 4, threads: 2);
        var length = TestedDevice.Many(60, few: 20);
        var plain = model.Tokens([1, 2, 3], Models.Autoregressive(length));
        var expected = All(model, [1, 2, 3], Models.Autoregressive(length));
        for (var exit = 1; exit < 4; exit++)
        {
            for (var d = 1; d < 6; d += TestedDevice.Many(1, few: 2))
            {
                var actual = All(model, [1, 2, 3], Models.Speculative(exit, d, length));
                Assert.Equal(expected, actual);
                Assert.Equal(plain, actual.Select(static list => list[0].Token));
            }
        }

        // The likeliest token is banned, but as likely as before.
        var banned = All(model, [1, 2, 3], Models.Autoregressive(length) with { LogitsProcessors = [new Ban(plain[0])] });
        Assert.Equal(expected[0][1..], banned[0][1..]);
        Assert.Equal(banned[0][2], banned[0][0]);
    }

    [Fact]
    public void An_early_exits_are_those_of_its_own_layers()
    {
        using var model = Models.Random(TinyCheckpoint.DefaultConfig, seed: 4);
        var entries = All(model, [1, 2, 3], new() { Mode = DecodingMode.EarlyExit, ExitLayer = 2, MaxNewTokens = 20 });
        Assert.All(entries, static list => Assert.Equal(list[1], list[0]));
        Assert.NotEqual(All(model, [1, 2, 3], Models.Autoregressive(20))[0][0].LogProbability, entries[0][0].LogProbability);
    }

    [Fact]
    public void Stops_and_repeated_rounds_keep_one_entry_a_token()
    {
        using var model = Models.Random(TinyCheckpoint.DefaultConfig, seed: 5);
        var expected = All(model, [1, 2, 3], Models.Autoregressive(40));
        var options = Models.Speculative(2, 6, 40) with { TopLogProbabilities = 3, StopTokenIds = [expected[17][0].Token] };
        using var generation = new Generation(model, [1, 2, 3], DecodingPlan.Create(options, model.Config, new()));
        while (generation.FinishReason == FinishReason.None)
        {
            Assert.ThrowsAny<OperationCanceledException>(() => generation.NextRound(new CancellationToken(canceled: true)));
            generation.NextRound();
        }

        Assert.InRange(generation.Output.Length, 1, 18);
        for (var i = 0; i < generation.Output.Length; i++)
        {
            Assert.Equal(expected[i], Entries(generation.LogProbabilities(i)));
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => generation.LogProbabilities(generation.Output.Length));
        Assert.Throws<ArgumentOutOfRangeException>(() => generation.LogProbabilities(-1));
    }

    [Fact]
    public void An_output_that_is_complete_before_its_first_token_has_none()
    {
        var grammar = new Grammar();
        using var model = Models.Random(TinyCheckpoint.DefaultConfig with { VocabularySize = 2400 });
        foreach (var (language, length) in ((GrammarNode, int)[])[(grammar.Empty, 10), (grammar.OneOf([""]), 10), (grammar.Optional(grammar.Literal("more than one token has room for")), 1)])
        {
            foreach (var options in (DecodingOptions[])[Models.Autoregressive(length), Models.Speculative(2, 3, length)])
            {
                var constraint = new TokenConstraint(language, TestTokenizers.Parser);
                using var generation = model.Decode([1, 2], options with { Constraint = constraint, TopLogProbabilities = 0 });
                Assert.Equal(0, generation.Output.Length);
                Assert.Throws<ArgumentOutOfRangeException>(() => generation.LogProbabilities(0));
            }
        }
    }

    [Fact]
    public void Decoding_with_them_allocates_nothing_once_warm()
    {
        var config = TinyCheckpoint.DefaultConfig with { MaxPositions = 640 };
        using var model = Models.Random(config, threads: 2);
        var options = Models.Speculative(2, 4, TestedDevice.Many(600, few: 70)) with { TopLogProbabilities = 5 };
        using (var first = model.Decode([1, 2, 3], options))
        {
            // The model's scratch memory has now grown to what this context needs.
        }

        using var generation = new Generation(model, [1, 2, 3], DecodingPlan.Create(options, config, new()));
        while (generation.Output.Length < TestedDevice.Many(200, few: 15))
        {
            generation.NextRound();
        }

        var length = generation.Output.Length;
        Assert.Equal(0, Allocations.Least(() =>
        {
            length += TestedDevice.Many(50, few: 12);
            while (generation.Output.Length < length)
            {
                generation.NextRound();
            }
        }));
    }

    [Fact]
    public async Task Readers_have_those_of_what_they_have_read()
    {
        using var engine = new LayerSkipEngine(Requests.Model(), ownsModel: true);
        var (most, compared) = (TestedDevice.Many(5000, few: 120), TestedDevice.Many(200, few: 60));
        var options = Models.Speculative(2, 4, most) with { TopLogProbabilities = 2 };
        await using var reader = engine.Generate([1, 2, 3], options);
        var index = 0;
        var entries = new List<TokenLogProbability[]>();
        while (index < most * 9 / 10 && await reader.WaitToReadAsync())
        {
            foreach (var token in reader.Read().ToArray())
            {
                Assert.Equal(token, reader.LogProbabilities(index).Chosen.Token);
                entries.Add(Entries(reader.LogProbabilities(index++)));
            }

            Assert.Throws<ArgumentOutOfRangeException>(() => reader.LogProbabilities(index));
        }

        using var alone = engine.Model.Generate([1, 2, 3], Models.Autoregressive(compared) with { TopLogProbabilities = 2 });
        while (alone.NextRound())
        {
        }

        Assert.Equal(Enumerable.Range(0, compared).Select(i => Entries(alone.LogProbabilities(i))), entries.Take(compared));
    }

    [Fact]
    public async Task Who_has_not_asked_is_told_so()
    {
        using var engine = new LayerSkipEngine(Requests.Model(), ownsModel: true);
        await using var reader = engine.Generate([1], Models.Autoregressive(1));
        Assert.True(await reader.WaitToReadAsync());
        reader.Read();
        Assert.Contains("TopLogProbabilities", Assert.Throws<InvalidOperationException>(() => reader.LogProbabilities(0)).Message, StringComparison.Ordinal);
        foreach (var wrong in (int[])[-1, 21])
        {
            Assert.Contains("0..20", Assert.Throws<ArgumentOutOfRangeException>(
                () => engine.Generate([1], new() { TopLogProbabilities = wrong })).Message, StringComparison.Ordinal);
        }
    }

    private static List<TokenLogProbability[]> All(IDeviceModel model, int[] prompt, DecodingOptions options)
    {
        using var generation = model.Decode(prompt, options with { TopLogProbabilities = 3 });
        return [.. Enumerable.Range(0, generation.Output.Length).Select(i => Entries(generation.LogProbabilities(i)))];
    }

    private static TokenLogProbability[] Entries(OutputLogProbabilities output) => [output.Chosen, .. output.Top.ToArray()];

    private static double[] LogSoftmax(ReadOnlySpan<float> logits)
    {
        var result = new double[logits.Length];
        var max = double.NegativeInfinity;
        foreach (var logit in logits)
        {
            max = Math.Max(max, logit);
        }

        var sum = 0.0;
        foreach (var logit in logits)
        {
            sum += Math.Exp(logit - max);
        }

        for (var i = 0; i < result.Length; i++)
        {
            result[i] = logits[i] - max - Math.Log(sum);
        }

        return result;
    }

    private sealed class Ban(int token) : ILogitsProcessor
    {
        public void Process(ReadOnlySpan<int> context, Span<float> logits) => logits[token] = float.NegativeInfinity;
    }
}
