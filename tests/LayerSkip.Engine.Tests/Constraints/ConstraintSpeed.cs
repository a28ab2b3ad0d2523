using System.Diagnostics;
using System.Text.Json;
using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Constraints.Json;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Constraints;

/// <summary>What masking costs a token, beside a decode step of the parser model. Explicit: run by name.</summary>
/// <remarks><c>dotnet run -c Release --project tests/LayerSkip.Engine.Tests -- -explicit only -class '*ConstraintSpeed' -showliveoutput</c></remarks>
public class ConstraintSpeed(ITestOutputHelper output)
{
    private const int Runs = 15;
    private const int Tokens = 100;

    private static readonly JsonElement s_schema = JsonElement.Parse("""
        {"type":"object","properties":{"title":{"type":"string"},"due":{"type":"string","format":"date-time"},"count":{"type":"integer","minimum":1,"maximum":500},
        "priority":{"enum":["low","normal","high"]},"tags":{"type":"array","items":{"type":"string","minLength":2,"maxLength":12}},"weight":{"type":"number"},
        "next":{"anyOf":[{"$ref":"#"},{"type":"null"}]}},"required":["title","due","count","priority","tags","weight","next"],"additionalProperties":false}
        """);

    [Fact(Explicit = true)]
    public void Of_a_token_beside_a_decode_step()
    {
        using var model = LayerSkipModel.Load(Path.Combine(SharedData.RepositoryRoot, "models", "topv2-parser"));
        var prompt = model.Tokenizer.Encode("remind me to call mom at 5 pm");
        var clock = Stopwatch.StartNew();
        var language = new JsonGrammar(new Grammar()).Schema(s_schema);
        var compiling = clock.Elapsed;
        clock.Restart();
        model.Tokenizer.Trie(atStart: false);
        var tree = clock.Elapsed;
        var constraint = new TokenConstraint(language, model.Tokenizer);
        var options = new DecodingOptions
        {
            Mode = DecodingMode.Autoregressive, MaxNewTokens = 1000, IgnoreEndOfSequence = true, Sampling = new() { Temperature = 1, Seed = 3 },
        };

        var (free, constrained, masking) = (new List<double>(), new List<double>(), new List<double>());
        TimeSpan? cold = null;
        var first = default(GenerationStatistics);
        for (var run = 0; run <= Runs; run++)
        {
            free.AddRange(Steps(model, prompt, options));
            using var generation = model.Generate(prompt, options with { Constraint = constraint });
            for (var more = true; more && generation.Output.Length < Tokens;)
            {
                clock.Restart();
                more = generation.NextRound();
                constrained.Add(clock.Elapsed.TotalMicroseconds);
            }

            first = run == 0 ? generation.Statistics : first;

            // The same tokens again, without the model: mask, apply, advance.
            var logits = new float[model.Config.VocabularySize];
            var state = constraint.Start;
            foreach (var token in generation.Output)
            {
                clock.Restart();
                state.Mask.Apply(logits);
                state = state.Next(token);
                masking.Add(clock.Elapsed.TotalMicroseconds);
            }

            if (run == 0)
            {
                cold = first.TotalTime;
                free.Clear();
                constrained.Clear();
                masking.Clear();
            }
        }

        var (step, mask) = (Median(free), Median(masking));
        output.WriteLine($"schema to language {compiling.TotalMilliseconds:F1} ms, tree of the vocabulary {tree.TotalMilliseconds:F1} ms");
        output.WriteLine($"first answer, masks unknown: {cold!.Value.TotalMilliseconds:F1} ms for {first.Tokens} tokens, {constraint.MaskCount} masks known in the end");
        output.WriteLine($"decode step {step:F1} us; masking {mask:F2} us a token, {100 * mask / step:F1} %, at most {masking.Max():F1} us (medians of {Runs} runs)");
        output.WriteLine($"a constrained round {Median(constrained):F1} us; {first.Forced} of {first.Tokens} tokens forced, {first.Rounds} rounds");
    }

    [Fact(Explicit = true)]
    public void Of_masks_that_are_not_known_yet_over_32000_tokens()
    {
        var tokenizer = Tokenizer.Load(SharedData.Require("tokenizers/llama2"));
        var clock = Stopwatch.StartNew();
        tokenizer.Trie(atStart: false);
        var tree = clock.Elapsed;
        var random = new Random(1);
        var times = new List<double>();
        for (var run = 0; run < 20; run++)
        {
            // The same states each time, as if they were new.
            var constraint = new TokenConstraint(new JsonGrammar(new Grammar()).Schema(s_schema), tokenizer);
            var state = constraint.Start;
            for (var token = 0; token < Tokens && !state.IsComplete; token++)
            {
                var known = constraint.MaskCount;
                clock.Restart();
                var mask = state.Mask;
                if (constraint.MaskCount > known && run > 0)
                {
                    times.Add(clock.Elapsed.TotalMilliseconds);
                }

                var allowed = Enumerable.Range(0, tokenizer.VocabularySize).Where(mask.Contains).ToArray();
                state = state.Next(mask.Forced >= 0 ? mask.Forced : allowed[random.Next(allowed.Length)]);
            }
        }

        output.WriteLine($"{tokenizer.VocabularySize} tokens: tree {tree.TotalMilliseconds:F0} ms; a new mask {Median(times):F3} ms, at most {times.Max():F2} ms, {times.Count / 19.0:F1} of them in {Tokens} tokens");
    }

    private static List<double> Steps(LayerSkipModel model, int[] prompt, DecodingOptions options)
    {
        var times = new List<double>();
        var clock = new Stopwatch();
        using var generation = model.Generate(prompt, options);
        generation.NextRound();
        while (generation.Output.Length < Tokens)
        {
            clock.Restart();
            generation.NextRound();
            times.Add(clock.Elapsed.TotalMicroseconds);
        }

        return times;
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
