using System.Text.Json;
using LayerSkip.AI.Requests;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Tests.Requests;

public class ConversationTests
{
    [Fact]
    public void Roles_and_texts_are_kept()
    {
        var turns = RequestReading.Read(
            new(ChatRole.System, "s"),
            new(new ChatRole("developer"), "d"),
            new(new ChatRole("Developer"), "e"),
            new(ChatRole.User, [new TextContent("a"), new TextContent(null), new TextContent("b")]),
            new(ChatRole.Assistant, "c"),
            new(new ChatRole("critic"), "f"));

        Assert.Equal("system:s|system:d|system:e|user:ab|assistant:c|critic:f", turns.Text());
    }

    [Fact]
    public void Instructions_come_first()
    {
        var turns = Conversation.Read([new(ChatRole.System, "s"), new(ChatRole.User, "u")], "i", RequestReading.Ignoring);

        Assert.Equal("system:i|system:s|user:u", turns.Text());
    }

    [Fact]
    public void Empty_messages_are_turns()
    {
        Assert.Equal("user:|assistant:|tool:", RequestReading.Read(new(ChatRole.User, []), new(ChatRole.Assistant, []), new(ChatRole.Tool, [])).Text());
        Assert.Empty(RequestReading.Read());
    }

    [Fact]
    public void Reasoning_is_kept_apart()
    {
        var turn = Assert.Single(RequestReading.Read(new ChatMessage(ChatRole.Assistant, [new TextReasoningContent("hm"), new TextContent("yes")])));
        Assert.Equal(("hm", "yes"), (turn.Reasoning, turn.Content));
    }

    [Fact]
    public void Calls_and_results_become_template_turns()
    {
        var turns = RequestReading.Read(
            new ChatMessage(ChatRole.Assistant,
            [
                new FunctionCallContent("1", "weather", new Dictionary<string, object?> { ["city"] = "Rome", ["days"] = 2 }),
                new FunctionCallContent("2", "clock"),
            ]),
            new ChatMessage(ChatRole.Tool,
            [
                new FunctionResultContent("2", JsonDocument.Parse("""{"h":7}""").RootElement),
                new FunctionResultContent("1", "sunny"),
                new FunctionResultContent("3", null),
            ]));

        Assert.Equal("assistant:|tool:{\"h\":7}|tool:sunny|tool:", turns.Text());
        Assert.Null(turns[0].Content);
        Assert.Equal(["weather", "clock"], turns[0].ToolCalls.Select(call => call.Name));
        Assert.Equal("""{"city":"Rome","days":2}""", turns[0].ToolCalls[0].Arguments.GetRawText());
        Assert.Equal("{}", turns[0].ToolCalls[1].Arguments.GetRawText());
        Assert.Equal([("2", "clock"), ("1", "weather"), ("3", null)], turns.Skip(1).Select(turn => (turn.ToolCallId!, turn.Name)));
    }

    [Fact]
    public async Task What_a_function_returns_is_told_as_it_would_say_it()
    {
        object?[] results =
        [
            await AIFunctionFactory.Create(() => "sunny, \"they\" say\n", "say").InvokeAsync(), await AIFunctionFactory.Create(() => (string?)null, "say").InvokeAsync(),
            await AIFunctionFactory.Create(() => 21, "say").InvokeAsync(), default(JsonElement),
        ];

        var turns = RequestReading.Read(new ChatMessage(ChatRole.Tool, [.. results.Select((result, i) => new FunctionResultContent($"{i}", result))]));

        Assert.Equal("tool:sunny, \"they\" say\n|tool:|tool:21|tool:", turns.Text());
    }

    [Fact]
    public void Usage_and_errors_are_no_text()
    {
        Assert.Equal("assistant:a", RequestReading.Read(
            new ChatMessage(ChatRole.Assistant, [new UsageContent(new UsageDetails()), new TextContent("a"), new ErrorContent("no")])).Text());
    }

    [Fact]
    public void Data_is_refused_by_its_media_type()
    {
        var data = new ChatMessage(ChatRole.User, [new DataContent(new byte[] { 1 }, "image/png")]);
        var uri = new ChatMessage(ChatRole.User, [new UriContent("https://example.org/a.mp3", "audio/mpeg")]);

        Assert.Contains("image/png", Assert.Throws<NotSupportedException>(() => RequestReading.Read(data)).Message);
        Assert.Contains("audio/mpeg", Assert.Throws<NotSupportedException>(() => RequestReading.Read(uri)).Message);
    }

    [Fact]
    public void Data_that_is_text_is_read()
    {
        var turns = RequestReading.Read(
            new ChatMessage(ChatRole.User, [new TextContent("Sum up: "), Data("\uFEFFgrüß", "text/plain"), Data("{}", "application/json; charset=utf-8")]),
            new ChatMessage(ChatRole.Tool, [new FunctionResultContent("1", Data("a;b", "text/csv"))]));
        Assert.Equal("user:Sum up: grüß{}|tool:a;b", turns.Text());

        var torn = new ChatMessage(ChatRole.User, [new DataContent(new byte[] { 0xFF }, "text/plain") { Name = "notes.txt" }]);
        var error = Assert.Throws<ArgumentException>(() => RequestReading.Read(torn));
        Assert.Contains("'text/plain' ('notes.txt') whose bytes are not valid UTF-8, expected text in UTF-8.", error.Message);

        static DataContent Data(string text, string mediaType) => new(System.Text.Encoding.UTF8.GetBytes(text), mediaType);
    }

    [Fact]
    public void Contents_of_a_result_are_read_as_those_of_messages()
    {
        var turns = RequestReading.Read(new ChatMessage(ChatRole.Tool,
        [
            new FunctionResultContent("1", new TextContent("warm")),
            new FunctionResultContent("2", new List<AIContent> { new TextContent("a"), new TextContent("b"), new ErrorContent("no") }),
        ]));

        Assert.Equal("tool:warm|tool:a\nb\nno", turns.Text());
    }

    [Fact]
    public void Links_in_a_result_are_text_and_other_data_leaves_a_note()
    {
        var image = new DataContent(new byte[] { 1 }, "image/png");
        var turns = RequestReading.Read(new ChatMessage(ChatRole.Tool,
        [
            new FunctionResultContent("1", new AIContent[] { new TextContent("a map"), image, new UriContent("https://example.org/a%20b.png?c=1", "image/png") }),
            new FunctionResultContent("2", image),
        ]));

        Assert.Equal("tool:a map\n[image/png left out]\nhttps://example.org/a%20b.png?c=1|tool:[image/png left out]", turns.Text());
    }
}
