using System.Text.Json;
using System.Text.Json.Nodes;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Tests.Tools;
using LayerSkip.Engine;
using LayerSkip.Engine.Scheduling;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Tests;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Tests;

/// <summary>Some tokenizers have the marks of calls and of reasoning as special tokens, which have no text of their own.</summary>
public class SpecialMarksTests
{
    private const string Switched = "{% for m in messages %}{{ m.content.split('</think>')[-1] }}{% endfor %}";
    private const string Begun = Switched + "<think>\n";

    private static readonly Tokenizer s_tokenizer = Load("<tool_call>", "</tool_call>", "<think>", "</think>", "[TOOL_CALLS]");

    private static readonly ChatOptions s_tools = new() { Tools = [AIFunctionFactory.Create((int days) => "sun", "get_weather")], MaxOutputTokens = 200 };

    [Theory]
    [InlineData("2")]
    [InlineData("\"many\"")]
    public async Task Call_between_them_is_one_of_its_schema(string days)
    {
        using var client = Client(ToolTemplates.Hermes, "Let me look.<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"days\": " + days + "}}\n</tool_call>");
        var response = await client.GetResponseAsync("?", s_tools);

        var call = Assert.Single(response.Messages[0].Contents.OfType<FunctionCallContent>());
        Assert.Equal(JsonValueKind.Number, Assert.IsType<JsonElement>(call.Arguments!["days"]).ValueKind);
        Assert.Equal(("Let me look.", ChatFinishReason.ToolCalls), (response.Text, response.FinishReason));
    }

    [Theory]
    [InlineData("[TOOL_CALLS] [")]
    [InlineData("[TOOL_CALLS][")]
    public async Task List_of_calls_behind_one_is_read_and_held_to_schemas(string opening)
    {
        using var client = Client(ToolTemplates.Mistral, opening + "{\"name\": \"get_weather\", \"arguments\": {\"days\": \"many\"}}, {\"name\": \"get_weather\", \"arguments\": {\"days\": 2}}]");
        var response = await client.GetResponseAsync("?", s_tools);

        var calls = response.Messages[0].Contents.OfType<FunctionCallContent>().ToArray();
        Assert.NotEmpty(calls);
        Assert.All(calls, call => Assert.Equal(JsonValueKind.Number, Assert.IsType<JsonElement>(call.Arguments!["days"]).ValueKind));
        Assert.Equal(("", ChatFinishReason.ToolCalls), (response.Text, response.FinishReason));
    }

    [Fact]
    public async Task Required_call_is_written_with_them()
    {
        using var client = Client(ToolTemplates.Hermes, "No.");
        var options = s_tools.Clone();
        options.ToolMode = ChatToolMode.RequireAny;
        options.AdditionalProperties = new() { ["logprobs"] = true };
        var response = await client.GetResponseAsync("?", options);

        Assert.Equal("get_weather", Assert.Single(response.Messages[0].Contents.OfType<FunctionCallContent>()).Name);
        var tokens = Assert.IsType<JsonElement>(response.Messages[0].AdditionalProperties!["logprobs"]).GetProperty("content").EnumerateArray();
        Assert.Equal("<tool_call>", tokens.First().GetProperty("token").GetString());
    }

    [Theory]
    [InlineData(Switched, "<think>hm</think>yes")]
    [InlineData(Begun, "hm</think>yes")]
    public async Task Reasoning_is_told_from_the_answer(string template, string written)
    {
        foreach (var options in (ChatOptions?[])[null, s_tools])
        {
            using var client = Client(ChatTemplate.Parse(template), written);
            var contents = (await client.GetResponseAsync("?", options)).Messages[0].Contents;

            Assert.Equal("hm", Assert.IsType<TextReasoningContent>(contents[0]).Text);
            Assert.Equal("yes", Assert.IsType<TextContent>(contents[1]).Text);
        }
    }

    [Fact]
    public async Task Those_of_others_stay_without_a_text()
    {
        using var client = Client(ChatTemplate.Parse("{{ messages[0].content }}"), "a<think>b<|user|>c");
        Assert.Equal("abc", await client.Answer("?"));
    }

    private static LayerSkipChatClient Client(ChatTemplate template, string answer) => new(
        new LayerSkipEngine(ScriptedModel.Create([answer], new() { Tokenizer = s_tokenizer, EndOfSequence = ["<|end|>"] }), ownsModel: true), template, ownsEngine: true);

    /// <summary>The parser's, with further special tokens.</summary>
    private static Tokenizer Load(params string[] marks) => ParserTokenizer.With(json =>
    {
        foreach (var (index, mark) in marks.Index())
        {
            json["added_tokens"]!.AsArray().Add(new JsonObject { ["id"] = 2304 + index, ["content"] = mark, ["special"] = true, ["normalized"] = false });
        }
    });
}
