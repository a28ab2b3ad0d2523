using System.Text;
using System.Text.Json;
using LayerSkip.Engine.Decoding;
using LayerSkip.Tests;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Tests;

/// <summary>Log-probabilities come with the answer, in OpenAI's shape.</summary>
public sealed class LogProbabilitiesTests(LogProbabilitiesTests.Parser parser) : IClassFixture<LogProbabilitiesTests.Parser>
{
    private const string Utterance = "message alex to see if she made it home";

    public sealed class Parser : IDisposable
    {
        public LayerSkipChatClient Client { get; } = TestModels.LoadParser();

        public void Dispose() => Client.Dispose();
    }

    [Theory]
    [InlineData(DecodingMode.Autoregressive)]
    [InlineData(DecodingMode.SelfSpeculative)]
    public async Task Message_has_an_entry_for_each_output_token(DecodingMode mode)
    {
        var response = await parser.Client.GetResponseAsync(TestModels.User(Utterance), new ChatOptions().WithDecodingMode(mode).WithLogProbabilities(3));

        var content = Content(response.Messages[0].AdditionalProperties);
        Assert.Equal(response.Usage!.OutputTokenCount, content.Count);
        Assert.Equal("<|end|>", content[^1].GetProperty("token").GetString());
        Assert.Equal(JsonValueKind.Null, content[^1].GetProperty("bytes").ValueKind);
        Assert.Equal(response.Text, Encoding.UTF8.GetString([.. content[..^1].SelectMany(Bytes)]));
        Assert.All(content, static entry =>
        {
            var top = entry.GetProperty("top_logprobs").EnumerateArray().ToList();
            Assert.Equal(3, top.Count);

            // Greedy: what was chosen is the likeliest.
            Assert.Equal(entry.GetProperty("token").GetString(), top[0].GetProperty("token").GetString());
            Assert.Equal(Value(entry), Value(top[0]));
            Assert.True(Value(entry) <= 0 && Value(top[0]) >= Value(top[1]) && Value(top[1]) >= Value(top[2]));
        });
    }

    /// <summary>SentencePiece's decoder drops the space at a text's beginning, which a token within it has.</summary>
    [Fact]
    public async Task Tokens_are_spelled_as_within_a_text()
    {
        using var client = LayerSkipChatClient.Load(SharedData.Require("stories260K"));
        var response = await client.GetResponseAsync(TestModels.User("One day"), new ChatOptions { MaxOutputTokens = 20 }.WithLogProbabilities(2));

        var content = Content(response.Messages[0].AdditionalProperties);
        Assert.Contains(content, static entry => entry.GetProperty("token").GetString()!.StartsWith(' '));
        Assert.All(
            content.SelectMany(static entry => entry.GetProperty("top_logprobs").EnumerateArray().Append(entry)).Where(static entry => entry.GetProperty("bytes").ValueKind == JsonValueKind.Array),
            static entry => Assert.Equal(Encoding.UTF8.GetString([.. Bytes(entry)]), entry.GetProperty("token").GetString()));
    }

    [Fact]
    public async Task They_are_the_same_whatever_the_mode()
    {
        var jsons = new List<string>();
        foreach (var mode in new[] { DecodingMode.Autoregressive, DecodingMode.SelfSpeculative })
        {
            var response = await parser.Client.GetResponseAsync(TestModels.User(Utterance), new ChatOptions().WithDecodingMode(mode).WithLogProbabilities(20));
            jsons.Add(((JsonElement)response.Messages[0].AdditionalProperties!["logprobs"]!).GetRawText());
        }

        Assert.Equal(jsons[0], jsons[1]);
    }

    [Fact]
    public async Task Updates_have_those_of_their_tokens_and_the_last_has_them_all()
    {
        using var checkpoint = TestModels.WriteEndless();
        using var client = LayerSkipChatClient.Load(checkpoint.Directory);
        var start = await client.Answer("x", new ChatOptions { MaxOutputTokens = 60 });

        // Ends at a stop sequence, whose tokens count, but not those that the engine had decoded behind it.
        var options = new ChatOptions { MaxOutputTokens = 60, StopSequences = [start[^5..^2]] }.WithLogProbabilities().WithExitLayer(1);
        var updates = await client.Updates("x", options);

        var parts = updates.SkipLast(2).SelectMany(update => Content(update.AdditionalProperties)).Select(entry => entry.GetRawText()).ToList();
        var all = Content(updates[^2].AdditionalProperties).Select(entry => entry.GetRawText()).ToList();
        Assert.Equal(ChatFinishReason.Stop, updates[^2].FinishReason);
        Assert.Equal(updates.ToChatResponse().Usage!.OutputTokenCount, all.Count);
        Assert.Equal(all[..parts.Count], parts);
        Assert.All(Content(updates[^2].AdditionalProperties), entry => Assert.Equal(0, entry.GetProperty("top_logprobs").GetArrayLength()));
        Assert.DoesNotContain("logprobs", updates[^1].AdditionalProperties!.Keys);

        // What a response cache stores.
        var json = JsonSerializer.Serialize(updates.ToChatResponse(), AIJsonUtilities.DefaultOptions);
        var read = JsonSerializer.Deserialize<ChatResponse>(json, AIJsonUtilities.DefaultOptions)!;
        Assert.Equal(all.Count, Content(read.Messages[0].AdditionalProperties).Count);
    }

    [Fact]
    public async Task Tokens_that_a_schema_forces_have_theirs_too()
    {
        using var checkpoint = TestModels.WriteEndless();
        using var client = LayerSkipChatClient.Load(checkpoint.Directory);
        var schema = JsonElement.Parse("""{"type":"object","properties":{"kind":{"enum":["reminder","alarm"]}},"required":["kind"],"additionalProperties":false}""");
        var jsons = new List<string>();
        foreach (var mode in new[] { DecodingMode.Autoregressive, DecodingMode.SelfSpeculative })
        {
            var options = new ChatOptions { ResponseFormat = ChatResponseFormat.ForJsonSchema(schema), MaxOutputTokens = 60 };
            var response = await client.GetResponseAsync(
                TestModels.User("x"), options.WithDecodingMode(mode).WithExitLayer(2).WithLogProbabilities(2));

            Assert.Equal(response.Usage!.OutputTokenCount, Content(response.Messages[0].AdditionalProperties).Count);
            Assert.StartsWith("{", response.Text.TrimStart());
            jsons.Add(((JsonElement)response.Messages[0].AdditionalProperties!["logprobs"]!).GetRawText());
        }

        Assert.Equal(jsons[0], jsons[1]);
    }

    public static TheoryData<object?, object?, int?> Asked => new()
    {
        { null, null, null },
        { true, null, 0 },
        { "true", "4", 4 },
        { 1.0, 4.0, 4 },
        { JsonElement.Parse("true"), JsonElement.Parse("2"), 2 },
        { null, 5L, 5 },
        { null, 0, null },
        { false, 5, null },
        { JsonElement.Parse("false"), null, null },
    };

    [Theory]
    [MemberData(nameof(Asked))]
    public async Task Settings_come_in_any_type(object? logProbabilities, object? top, int? expected)
    {
        var options = new ChatOptions { MaxOutputTokens = 3, AdditionalProperties = new() { ["logprobs"] = logProbabilities, ["top_logprobs"] = top } };

        var properties = (await parser.Client.GetResponseAsync(TestModels.User(Utterance), options)).Messages[0].AdditionalProperties;

        Assert.Equal(expected, properties is null ? null : Content(properties)[0].GetProperty("top_logprobs").GetArrayLength());
    }

    [Theory]
    [InlineData("perhaps", 1, "\"logprobs\"] is perhaps (String), expected true or false")]
    [InlineData(2, 1, "\"logprobs\"] is 2 (Int32), expected true or false")]
    [InlineData(true, 21, "0..20")]
    [InlineData(true, -1, "0..20")]
    [InlineData(true, 1.5, "\"top_logprobs\"] is 1.5 (Double), expected an integer")]
    public void Wrong_settings_are_refused(object logProbabilities, object top, string expected)
    {
        var options = new ChatOptions { AdditionalProperties = new() { ["logprobs"] = logProbabilities, ["top_logprobs"] = top } };
        Assert.Contains(expected, Assert.ThrowsAny<ArgumentException>(() => parser.Client.GetStreamingResponseAsync(TestModels.User("x"), options)).Message);
    }

    private static List<JsonElement> Content(AdditionalPropertiesDictionary? properties) =>
        [.. ((JsonElement)properties!["logprobs"]!).GetProperty("content").EnumerateArray()];

    private static double Value(JsonElement entry) => entry.GetProperty("logprob").GetDouble();

    private static IEnumerable<byte> Bytes(JsonElement entry) => entry.GetProperty("bytes").EnumerateArray().Select(value => value.GetByte());
}
