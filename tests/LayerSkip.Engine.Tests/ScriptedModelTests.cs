using System.Text;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Sampling;
using LayerSkip.Engine.Scheduling;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.Engine.Tests;

public class ScriptedModelTests
{
    private const string Answer = "The sum is 4 — \"four\" <|python_tag|>, 🙂.";

    [Theory]
    [InlineData(DecodingMode.Autoregressive, 1)]
    [InlineData(DecodingMode.SelfSpeculative, 0)]
    [InlineData(DecodingMode.SelfSpeculative, 0.6)]
    [InlineData(DecodingMode.SelfSpeculative, 1)]
    [InlineData(DecodingMode.EarlyExit, 1)]
    public void Answer_is_the_script_in_every_mode(DecodingMode mode, double accuracy)
    {
        using var model = ScriptedModel.Create([Answer, Answer], new() { DraftAccuracy = accuracy, Layers = 6, ExitLayer = 3 });
        foreach (var temperature in (float[])[0, 1.2f])
        {
            var (text, generation) = Decode(model, "2 + 2?", new() { Mode = mode, Sampling = new() { Temperature = temperature } });
            Assert.Equal(Answer, text);
            Assert.Equal(FinishReason.Stop, generation.FinishReason);
        }
    }

    [Fact]
    public void Drafts_are_accepted_the_more_the_better_they_guess()
    {
        double[] rates = [.. ((double[])[0, 0.25, 0.8, 1]).Select(accuracy =>
        {
            using var model = ScriptedModel.Create([new string('a', 999)], new() { DraftAccuracy = accuracy });
            return Decode(model, "?", new()).Generation.Statistics.AcceptanceRate;
        })];
        Assert.Equal(0, rates[0]);
        Assert.Equal(1, rates[^1]);
        Assert.Equal(rates.Order(), rates);
        Assert.InRange(rates[1], 0.01, rates[2] - 0.01);
        Assert.InRange(rates[2], 0.01, 0.99);
    }

    [Fact]
    public void Answers_come_in_the_order_of_requests_and_end_with_a_clear_error()
    {
        using var model = ScriptedModel.Create("one", "two");
        Assert.Equal("one", Decode(model, "?", new()).Text);
        Assert.Equal("two", Decode(model, "?", new()).Text);
        var error = Assert.Throws<InvalidOperationException>(() => Decode(model, "?", new()));
        Assert.Equal("The scripted model has 2 answers, and this is request 3.", error.Message);
    }

    [Fact]
    public void Answer_may_depend_on_the_prompt_which_spells_special_tokens_out()
    {
        var prompts = new List<string>();
        using var model = ScriptedModel.Create(prompt =>
        {
            prompts.Add(prompt);
            return prompt.ToUpperInvariant();
        });
        var prompt = "<|im_start|>user " + new string('x', 700);
        Assert.Equal(prompt.ToUpperInvariant(), Decode(model, prompt, new()).Text);
        Assert.Equal([prompt], prompts);
    }

    [Fact]
    public async Task Concurrent_requests_get_their_own_answers()
    {
        using var engine = new LayerSkipEngine(ScriptedModel.Create(prompt => "answer to " + prompt, new() { DraftAccuracy = 0.7 }), ownsModel: true);
        var texts = await Task.WhenAll(Enumerable.Range(0, 20).Select(async number =>
        {
            var text = new StringBuilder();
            await using var reader = engine.Generate(engine.Model.Tokenizer.Encode($"question {number}"));
            while (await reader.WaitToReadAsync())
            {
                text.Append(engine.Model.Tokenizer.Decode(reader.Read()));
            }

            return text.ToString();
        }));
        Assert.Equal(Enumerable.Range(0, 20).Select(number => $"answer to question {number}"), texts);
        Assert.Equal((0, engine.Model.KvBytes), (engine.KvBytesInUse, engine.KvBytesIdle));
    }

    [Fact]
    public async Task Requests_that_lose_their_caches_meanwhile_go_on_with_their_answers()
    {
        string[] answers = [.. Enumerable.Range(0, 6).Select(number => string.Concat(Enumerable.Repeat($"{number}.", 150)))];
        using var model = ScriptedModel.Create(answers, new() { DraftAccuracy = 0.7 });
        using var engine = new LayerSkipEngine(model, options: new() { KvCacheBudget = model.KvBytesOf(500), IdleKvCacheBudget = 0 });
        var readers = answers.Select(_ => engine.Generate(model.Tokenizer.Encode("?"))).ToList();
        var texts = await Task.WhenAll(readers.Select(async reader =>
        {
            var text = new StringBuilder();
            await using (reader)
            {
                while (await reader.WaitToReadAsync())
                {
                    text.Append(model.Tokenizer.Decode(reader.Read()));
                }
            }

            return text.ToString();
        }));
        Assert.Equal(answers, texts);
    }

    [Fact]
    public void What_a_mask_forces_does_not_use_the_answer_up()
    {
        // The text before the answer is forced, and holds the answer's first letters.
        using var model = ScriptedModel.Create(["nice"], new() { DraftAccuracy = 0.5 });
        var (text, _) = Decode(model, "?", new() { LogitsProcessors = [new Forced(model.Tokenizer, "{\"answer\":\"", "\"}")] });
        Assert.Equal("{\"answer\":\"nice\"}", text);
    }

    [Fact]
    public void Banned_white_space_is_passed_over()
    {
        using var model = ScriptedModel.Create("{ \"a\" :\n  [ 1, 2 ] }");
        var (text, _) = Decode(model, "?", new() { LogitsProcessors = [new Banned(model.Tokenizer.Encode(" \n"))] });
        Assert.Equal("{\"a\":[1,2]}", text);
    }

    [Fact]
    public void Real_tokenizer_may_be_given()
    {
        var tokenizer = Tokenizer.Load(Path.Combine(LayerSkip.Tests.SharedData.RepositoryRoot, "models", "topv2-parser"));
        using var model = ScriptedModel.Create(["[IN:GET_WEATHER weather ]"], new() { Tokenizer = tokenizer, EndOfSequence = ["<|end|>"] });
        Assert.Equal("[IN:GET_WEATHER weather ]", Decode(model, "will it rain", new()).Text);
    }

    [Fact]
    public void Wrong_options_are_named()
    {
        AssertRefused(new() { Layers = 0 }, "Layers is 0, expected at least 1");
        AssertRefused(new() { ExitLayer = 4 }, "ExitLayer is 4, expected null or 1..3");
        AssertRefused(new() { NumSpeculations = 65 }, "NumSpeculations is 65, expected 1..64");
        AssertRefused(new() { DraftAccuracy = double.NaN }, "DraftAccuracy is NaN, expected 0..1");
        AssertRefused(new() { ContextLength = 1 }, "ContextLength is 1, expected at least 2");
        AssertRefused(new() { EndOfSequence = [] }, "EndOfSequence is empty");
        AssertRefused(new() { EndOfSequence = ["</s>"] }, "EndOfSequence: the tokenizer has no token '</s>'");

        static void AssertRefused(ScriptedModelOptions options, string expected) =>
            Assert.Contains(expected, Assert.Throws<ArgumentException>(() => ScriptedModel.Create(["?"], options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_that_skip_layers_and_caches_with_holes_are_refused()
    {
        using var model = ScriptedModel.Create("?");
        using var cache = model.Steps.CreateCache();
        using var rows = model.Steps.CreateRows(4);
        rows.Begin(2);
        rows.Place(0, 2, cache, 0);
        model.Steps.Embed(rows, 0, [1, 2]);
        Assert.Throws<InvalidOperationException>(() => model.Steps.RunLayers(rows, 0, 2, 1, 4));
        model.Steps.RunLayers(rows, 0, 2, 0, 2);
        rows.Place(2, 1, cache, 3);
        model.Steps.Embed(rows, 2, [4]);
        Assert.Throws<InvalidOperationException>(() => model.Steps.RunLayers(rows, 2, 1, 0, 2));
    }

    private static (string Text, Generation Generation) Decode(LayerSkipModel model, string prompt, DecodingOptions options)
    {
        using var generation = model.Generate(model.Tokenizer.Encode(prompt), options);
        while (generation.NextRound())
        {
        }

        var ended = generation.FinishReason == FinishReason.Stop ? 1 : 0;
        return (model.Tokenizer.Decode(generation.Output[..^ended], skipSpecialTokens: false), generation);
    }

    private sealed class Banned(int[] tokens) : ILogitsProcessor
    {
        public void Process(ReadOnlySpan<int> context, Span<float> logits)
        {
            foreach (var token in tokens)
            {
                logits[token] = float.NegativeInfinity;
            }
        }
    }

    /// <summary>Forces a text, leaves the model free until it wants to end, and forces another text then.</summary>
    private sealed class Forced(Tokenizer tokenizer, string before, string after) : ILogitsProcessor
    {
        public void Process(ReadOnlySpan<int> context, Span<float> logits)
        {
            var output = tokenizer.Decode(context)[1..];
            var rest = output.Length < before.Length ? before[output.Length..]
                : output.IndexOf('"', before.Length) is >= 0 and var closed ? after[(output.Length - closed)..]
                : null;
            if (rest is null)
            {
                // Inside the string: anything but its end by a token of its own.
                tokenizer.TryGetId("<|im_end|>", out var end);
                logits[end] = float.NegativeInfinity;
            }
            else if (rest.Length > 0)
            {
                var next = tokenizer.Encode(rest)[0];
                var logit = logits[next];
                logits.Fill(float.NegativeInfinity);
                logits[next] = logit;
            }
        }
    }
}
