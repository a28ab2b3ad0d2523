using System.Text.Json;
using System.Text.Json.Nodes;
using Json.Schema;
using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Constraints.Json;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Tests.Tokenization;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Constraints.Json;

/// <summary>Whatever the schema and however untrained the model: what comes out parses, validates, and is the same with and without drafts.</summary>
public class SchemaFuzzTests
{
    private const int Schemas = 1000;
    private const int MaxTokens = 200;

    [Fact]
    public void Output_of_random_models_satisfies_random_schemas()
    {
        var random = new Random(4);
        var models = Enumerable.Range(0, 20).Select(Model).ToArray();
        var (constrained, forced, tokens, unsatisfiable) = (0, 0, 0, 0);
        for (var round = 0; round < Schemas; round++)
        {
            var schema = new RandomSchemas(random).Next();
            var layout = round % 2 == 0 ? JsonLayout.Compact : JsonLayout.Spaced;
            GrammarNode language;
            try
            {
                language = new JsonGrammar(new Grammar(), layout, depth: 6).Schema(JsonSerializer.SerializeToElement(schema));
            }
            catch (ArgumentException)
            {
                unsatisfiable++;
                continue;
            }

            var constraint = new TokenConstraint(language, TestTokenizers.Parser);
            var model = models[round % models.Length];
            int[] prompt = [random.Next(2000), random.Next(2000)];
            var options = Models.Autoregressive(Math.Max(MaxTokens, language.MinBytes)) with { Constraint = constraint, Sampling = new() { Temperature = round % 3 == 0 ? 0 : 1, Seed = (ulong)round } };
            using var plain = model.Decode(prompt, options);
            AssertValid(schema, plain);
            using var speculative = model.Decode(
                prompt, options with { Mode = DecodingMode.SelfSpeculative, ExitLayer = 1 + (round % 2), NumSpeculations = 1 + (round % 7) });
            AssertValid(schema, speculative);
            Assert.Equal(plain.Output.ToArray(), speculative.Output.ToArray());
            Assert.Equal(plain.FinishReason, speculative.FinishReason);
            constrained++;
            forced += plain.Statistics.Forced;
            tokens += plain.Statistics.Tokens;
        }

        Assert.True(unsatisfiable < Schemas / 20, $"{unsatisfiable} unsatisfiable");
        Assert.True(forced > tokens / 20, $"{forced} of {tokens} tokens forced");
        TestContext.Current.SendDiagnosticMessage($"{constrained} schemas, {unsatisfiable} unsatisfiable, {forced} of {tokens} tokens forced");
    }

    private static void AssertValid(JsonNode schema, Generation generation)
    {
        var text = TestTokenizers.Parser.Decode(generation.Output);
        var about = $"{text}\nof {schema.ToJsonString()}\n({generation.FinishReason}, {generation.Output.Length} tokens)";
        Assert.True(generation.FinishReason != FinishReason.None, about);
        JsonNode? value;
        try
        {
            value = JsonNode.Parse(text);
        }
        catch (JsonException e)
        {
            Assert.Fail($"{e.Message}: {about}");
            return;
        }

        var result = JsonSchema.FromText(schema.ToJsonString()).Evaluate(value, new EvaluationOptions { RequireFormatValidation = true });
        Assert.True(result.IsValid, about);
    }

    private static IDeviceModel Model(int seed) => Models.Random(
        TinyCheckpoint.DefaultConfig with { VocabularySize = 2320, HiddenSize = 24, IntermediateSize = 32, Layers = 3, AttentionHeads = 2, KeyValueHeads = 1, MaxPositions = 4096 },
        (ulong)seed);
}
