using System.ComponentModel;
using System.Text.Json;
using LayerSkip.Engine;
using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Scheduling;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Tests;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Tests.StructuredOutput;

/// <summary>Answers in the form that <see cref="ChatOptions.ResponseFormat"/> asks for, from a model that knows nothing.</summary>
public sealed class StructuredOutputTests(StructuredOutputTests.Untrained untrained) : IClassFixture<StructuredOutputTests.Untrained>
{
    public enum Priority
    {
        Low,
        High,
    }

    [Description("A thing to do.")]
    public sealed record Todo(
        string Title,
        Priority Priority,
        long? Count,
        double Weight,
        bool Done,
        DateTimeOffset Due,
        DateOnly Day,
        TimeOnly At,
        TimeSpan Duration,
        Guid Id,
        Uri? Link,
        string[] Tags,
        Dictionary<string, bool> Flags,
        Todo? Next);

    public sealed class Untrained : IDisposable
    {
        private readonly TinyCheckpoint _checkpoint = TestModels.WriteEndless(maxPositions: 4000);

        public Untrained() => Client = LayerSkipChatClient.Load(_checkpoint.Directory);

        public LayerSkipChatClient Client { get; }

        public void Dispose()
        {
            Client.Dispose();
            _checkpoint.Dispose();
        }
    }

    [Fact]
    public async Task Typed_responses_deserialize_whatever_the_model()
    {
        for (var seed = 0; seed < 30; seed++)
        {
            var options = new ChatOptions { Temperature = 1, Seed = seed, MaxOutputTokens = 400 };
            var response = await untrained.Client.GetResponseAsync<Todo>($"number {seed}", options);
            var todo = JsonSerializer.Deserialize<Todo>(response.Text, AIJsonUtilities.DefaultOptions)!;
            Assert.NotNull(todo.Title);
        }
    }

    [Fact]
    public async Task Types_that_are_no_objects_come_wrapped_and_deserialize()
    {
        var options = new ChatOptions { Temperature = 1, Seed = 3, MaxOutputTokens = 200 };
        Assert.True((await untrained.Client.GetResponseAsync<Priority>("which?", options)).TryGetResult(out _));
        Assert.True((await untrained.Client.GetResponseAsync<long>("how many?", options)).TryGetResult(out _));
        Assert.True((await untrained.Client.GetResponseAsync<bool[]>("what?", options)).TryGetResult(out _));
        Assert.True((await untrained.Client.GetResponseAsync<string>("why?", options)).TryGetResult(out _));
        Assert.True((await untrained.Client.GetResponseAsync<List<Todo>>("all?", options)).TryGetResult(out _));
    }

    [Fact]
    public async Task Greedy_structured_answers_are_the_same_with_and_without_speculation()
    {
        var schema = AIJsonUtilities.CreateJsonSchema(typeof(Todo));
        foreach (var format in new ChatResponseFormat[] { ChatResponseFormat.Json, ChatResponseFormat.ForJsonSchema(schema, "todo") })
        {
            for (var i = 0; i < 5; i++)
            {
                var options = new ChatOptions { Temperature = 0, MaxOutputTokens = 250, ResponseFormat = format };
                var expected = await untrained.Client.GetResponseAsync($"text {i}", options.WithDecodingMode(DecodingMode.Autoregressive));
                JsonDocument.Parse(expected.Text).Dispose();
                for (var exit = 1; exit < 4; exit++)
                {
                    var actual = await untrained.Client.GetResponseAsync(
                        $"text {i}", options.WithDecodingMode(DecodingMode.SelfSpeculative).WithExitLayer(exit).WithNumSpeculations(1 + i));
                    Assert.Equal((expected.Text, expected.FinishReason), (actual.Text, actual.FinishReason));
                    Assert.Equal(expected.Usage!.AdditionalCounts!["LayerSkip.ForcedTokenCount"], actual.Usage!.AdditionalCounts!["LayerSkip.ForcedTokenCount"]);
                }
            }
        }
    }

    [Fact]
    public async Task Names_and_separators_are_forced()
    {
        var format = Format("""{"type":"object","properties":{"name of the first":{"const":1},"second":{"type":"boolean"}},"required":["name of the first","second"]}""");
        var response = await untrained.Client.GetResponseAsync("go", new ChatOptions { ResponseFormat = format, Temperature = 0 });
        var forced = response.Usage!.AdditionalCounts!["LayerSkip.ForcedTokenCount"];
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        Assert.StartsWith("""{"name of the first":1,"second":""", response.Text, StringComparison.Ordinal);

        // All but the choice between true and false.
        Assert.InRange(response.Usage.OutputTokenCount!.Value - forced, 1, 2);
    }

    [Fact]
    public async Task An_answer_that_the_limit_cuts_short_is_complete_and_says_length()
    {
        var format = Format("""{"type":"array","items":{"type":"string"}}""");
        for (var limit = 2; limit < 30; limit++)
        {
            var options = new ChatOptions { ResponseFormat = format, Temperature = 0, MaxOutputTokens = limit };
            var response = await untrained.Client.GetResponseAsync("go on", options);
            JsonDocument.Parse(response.Text).Dispose();
            Assert.InRange(response.Usage!.OutputTokenCount!.Value, 1, limit);
        }

        var tight = new ChatOptions { ResponseFormat = Format("""{"const":"far more text than three tokens hold"}"""), MaxOutputTokens = 3 };
        Assert.Equal(ChatFinishReason.Length, (await untrained.Client.GetResponseAsync("go on", tight)).FinishReason);
    }

    [Fact]
    public async Task Long_names_that_are_to_come_take_their_tokens_of_the_limit_and_not_their_letters()
    {
        var format = Format("""
            {"type":"object","properties":{"summary":{"type":"string"},"list of things to do today":{"type":"string"},"name of the reminder set":{"type":"string"},
            "time and date and weather":{"type":"string"}},"required":["summary","list of things to do today","name of the reminder set","time and date and weather"]}
            """);
        var tokenizer = (Tokenizer)untrained.Client.GetService(typeof(Tokenizer))!;
        var response = await untrained.Client.GetResponseAsync("go on", new ChatOptions { ResponseFormat = format, Temperature = 0, MaxOutputTokens = 128 });
        using var answer = JsonDocument.Parse(response.Text);
        Assert.Equal(ChatFinishReason.Length, response.FinishReason);
        Assert.InRange(tokenizer.Encode(answer.RootElement.GetProperty("summary").GetString()!, addSpecialTokens: false).Length, 64, 128);
    }

    [Fact]
    public async Task Json_without_a_schema_is_any_object()
    {
        for (var seed = 0; seed < 10; seed++)
        {
            var options = new ChatOptions { ResponseFormat = ChatResponseFormat.Json, Temperature = 1, Seed = seed, MaxOutputTokens = 150 };
            using var answer = JsonDocument.Parse(await untrained.Client.Answer("anything", options));
            Assert.Equal(JsonValueKind.Object, answer.RootElement.ValueKind);
        }
    }

    [Fact]
    public async Task Text_is_free()
    {
        var options = new ChatOptions { Temperature = 0, MaxOutputTokens = 20 };
        var expected = await untrained.Client.Answer("hello", options);
        options.ResponseFormat = ChatResponseFormat.Text;
        Assert.Equal(expected, await untrained.Client.Answer("hello", options));
    }

    [Fact]
    public async Task A_schema_that_nothing_satisfies_is_refused()
    {
        var options = new ChatOptions { ResponseFormat = Format("""{"type":"object","properties":{"a":false},"required":["a"]}""") };
        var error = await Assert.ThrowsAsync<ArgumentException>(() => untrained.Client.GetResponseAsync(TestModels.User("x"), options));
        Assert.Contains("ResponseFormat", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_callers_own_constraint_comes_first()
    {
        var grammar = new Grammar();
        var tokenizer = (Tokenizer)untrained.Client.GetService(typeof(Tokenizer))!;
        var options = new ChatOptions
        {
            ResponseFormat = ChatResponseFormat.Json,
            RawRepresentationFactory = _ => new DecodingOptions { Constraint = new TokenConstraint(grammar.Literal("mine"), tokenizer) },
        };
        Assert.Equal("mine", await untrained.Client.Answer("x", options));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_schema_is_described_at_the_end_of_the_instructions_if_wanted(bool describes)
    {
        string? prompt = null;
        var model = ScriptedModel.Create(text =>
        {
            prompt = text;
            return "{\"age\":4}";
        });
        using var client = new LayerSkipChatClient(
            new LayerSkipEngine(model, ownsModel: true), options: new() { DescribeResponseFormat = describes }, ownsEngine: true);
        var options = new ChatOptions
        {
            Instructions = "Be brief.",
            ResponseFormat = Format("""{ "$schema": "x", "type": "object", "properties": { "age": { "type": "integer" }, "$comment": {} }, "required": [ "age" ] }"""),
        };
        Assert.Equal("{\"age\":4}", await client.Answer("how old?", options));
        Assert.Contains("Be brief.", prompt, StringComparison.Ordinal);
        Assert.Equal(describes, prompt!.Contains("""{"type":"object","properties":{"age":{"type":"integer"},"$comment":{}},"required":["age"]}""", StringComparison.Ordinal));
        Assert.Equal("Be brief.", options.Instructions);
    }

    private static ChatResponseFormatJson Format(string schema) => ChatResponseFormat.ForJsonSchema(JsonElement.Parse(schema));
}
