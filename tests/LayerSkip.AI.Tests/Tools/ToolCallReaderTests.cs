using System.Text.Json;
using LayerSkip.AI.Tools;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Tests.Tools;

public class ToolCallReaderTests
{
    private static readonly HashSet<string> s_names = ["f", "g"];

    // Text stands as it is, a call as name(arguments).
    [Theory]
    [InlineData(ToolCallFormat.Hermes, "Hello <b> there", "Hello <b> there")]
    [InlineData(ToolCallFormat.Hermes, "ends with a space \n", "ends with a space \n")]
    [InlineData(ToolCallFormat.Hermes, """<tool_call>{"name": "f", "arguments": {"a": 1}}</tool_call>""", "f(a=1)")]
    [InlineData(ToolCallFormat.Hermes, "\n<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>\n", "\n|f()")]
    [InlineData(ToolCallFormat.Hermes, """Let me see. <tool_call>{"name":"f","arguments":{"a":"}</tool_call>"}}</tool_call> Done.""", "Let me see. |f(a=}</tool_call>)| Done.")]
    [InlineData(ToolCallFormat.Hermes, """<tool_call>{"name": "f", "arguments": {}}</tool_call><tool_call>{"name": "g"}</tool_call>""", "f()|g()")]
    [InlineData(ToolCallFormat.Hermes, """<tool_call>{"name": "f", "arguments": {}} <tool_call>{"name": "g", "arguments": null}""", "f()|g()")]
    [InlineData(ToolCallFormat.Hermes, """<tool_call>{"name": "f", "arguments": "{\"a\": [1]}"}</tool_call>""", "f(a=[1])")]
    [InlineData(ToolCallFormat.Hermes, """<tool_call>{"name": "unknown", "parameters": {"a": null}}</tool_call>""", "unknown(a=)")]
    [InlineData(ToolCallFormat.Hermes, "<tool_call> is how I call", "<tool_call> is how I call")]
    [InlineData(ToolCallFormat.Hermes, "<tool_call><tool_call>{\"name\": \"f\"}", "<tool_call>|f()")]
    [InlineData(ToolCallFormat.Hermes, """<tool_call>{"arguments": {}}</tool_call>""", """<tool_call>{"arguments": {}}</tool_call>""")]
    [InlineData(ToolCallFormat.Hermes, """<tool_call>{"name": ""}</tool_call>""", """<tool_call>{"name": ""}</tool_call>""")]
    [InlineData(ToolCallFormat.Hermes, """<tool_call>{"name": "f", "arguments": {"a": }}</tool_call>""", "f!")]
    [InlineData(ToolCallFormat.Hermes, """<tool_call>{"name": "f", "arguments": {"a": 1}</tool_call> x""", "f!| x")]
    [InlineData(ToolCallFormat.Hermes, """<tool_call>{"name": "f", "arguments": {"a": "b""", "f!")]
    [InlineData(ToolCallFormat.Hermes, """<tool_call>{"name": "f", "arguments": [1]}</tool_call>""", "f!")]
    [InlineData(ToolCallFormat.Hermes, """<tool_call>{"name": "\ud800", "arguments": {}}</tool_call>""", """<tool_call>{"name": "\ud800", "arguments": {}}</tool_call>""")]
    [InlineData(ToolCallFormat.Plain, """Well. <tool_call>{"name": "f"}</tool_call>""", "Well. |f()")]
    [InlineData(ToolCallFormat.Mistral, """[TOOL_CALLS] [{"name": "f", "arguments": {"a": 1}}]""", "f(a=1)")]
    [InlineData(ToolCallFormat.Mistral, """[TOOL_CALLS][{"name": "f", "arguments": {}}, {"name": "g", "arguments": {"a": [1, 2]}}] x""", "f()|g(a=[1, 2])| x")]
    [InlineData(ToolCallFormat.Mistral, """Well. [TOOL_CALLS] {"name": "f", "arguments": {}, "id": "123456789"}""", "Well. |f()")]
    [InlineData(ToolCallFormat.Mistral, """[TOOL_CALLS] [{"name": "f"} {"name": "g"}]""", """f()| {"name": "g"}]""")]
    [InlineData(ToolCallFormat.Mistral, "[TOOL_CALLS] [1, 2]", "[TOOL_CALLS] [1, 2]")]
    [InlineData(ToolCallFormat.Mistral, "a[0] [TOOL", "a[0] [TOOL")]
    [InlineData(ToolCallFormat.Mistral, """[TOOL_CALLS] [{"name": "f", "arguments": {"a": "b""", "f!")]
    [InlineData(ToolCallFormat.Llama3Json, "Hello {there}", "Hello {there}")]
    [InlineData(ToolCallFormat.Llama3Json, """{"name": "f", "parameters": {"a": {"b": "}"}}}""", """f(a={"b": "}"})""")]
    [InlineData(ToolCallFormat.Llama3Json, """{"type": "function", "name": "f", "parameters": {}}; {"name":"g","parameters":{}}""", "f()|g()")]
    [InlineData(ToolCallFormat.Llama3Json, "{\"name\": \"f\", \"parameters\": {}}\n{\"name\": \"g\", \"parameters\": {}} ", "f()|g()")]
    [InlineData(ToolCallFormat.Llama3Json, """{"name": "f", "parameters": {}} and so on""", "f()| and so on")]
    [InlineData(ToolCallFormat.Llama3Json, """{"parameters": {}, "name": "f"}""", """{"parameters": {}, "name": "f"}""")]
    [InlineData(ToolCallFormat.Llama3Json, """ {"name": "f", "parameters": {}}""", """ {"name": "f", "parameters": {}}""")]
    [InlineData(ToolCallFormat.Llama3Json, """{"name": "Ann", "parameters": {}} is JSON""", """{"name": "Ann", "parameters": {}} is JSON""")]
    [InlineData(ToolCallFormat.Llama3Json, "{x} = 5", "{x} = 5")]
    [InlineData(ToolCallFormat.Llama3Json, "{<} = 5", "{<} = 5")]
    [InlineData(ToolCallFormat.Llama3Json, """{"name": "f", "parameters": {<}""", "f!|<}")]
    public void Calls_are_found_however_the_answer_is_cut_into_pieces(ToolCallFormat format, string answer, string expected)
    {
        for (var size = 1; size <= answer.Length; size++)
        {
            Assert.Equal(expected, Show(Read(format, answer, size)));
        }
    }

    [Fact]
    public void Text_before_a_call_is_held_back_only_while_it_may_begin_one()
    {
        var reader = Reader(ToolCallFormat.Hermes);
        string[] pieces = [.. "a <b\n<tool_x".Select(letter => Show(reader.Read(letter.ToString())))];

        Assert.Equal(["a", " ", "", "<b", "\n", "", "", "", "", "", "", "<tool_x"], pieces);
    }

    [Fact]
    public void Answer_ends_with_its_first_call_where_one_is_wanted()
    {
        var reader = Reader(ToolCallFormat.Hermes, single: true);
        Assert.Equal("x", Show(reader.Read("x<tool_call>")));
        Assert.False(reader.IsEnded);
        Assert.Equal("f()", Show(reader.Read("""{"name": "f"}<tool_call>{"name": "g"} y""")));
        Assert.True(reader.IsEnded);
        Assert.Equal(string.Empty, Show(reader.End(cut: false)));
    }

    [Fact]
    public void Call_that_was_cut_short_is_text()
    {
        var reader = Reader(ToolCallFormat.Hermes);
        Assert.Equal(string.Empty, Show(reader.Read("""<tool_call>{"name": "f", "arguments": {"a""")));
        Assert.Equal("""<tool_call>{"name": "f", "arguments": {"a""", Show(reader.End(cut: true)));
    }

    [Fact]
    public void Call_ids_differ_and_arguments_are_json()
    {
        var calls = Read(ToolCallFormat.Hermes, string.Concat(Enumerable.Repeat("""<tool_call>{"name": "f", "arguments": {"a": 1.5}}</tool_call>""", 3)), 7)
            .Select(piece => piece.Call!).ToList();

        Assert.Equal(3, calls.Select(call => call.CallId).Distinct().Count());
        Assert.Matches("^[0-9a-zA-Z]{9}$", Assert.Single(Read(ToolCallFormat.Mistral, """[TOOL_CALLS] [{"name": "f"}]""", 7)).Call!.CallId);
        Assert.All(calls, call => Assert.Equal(1.5, Assert.IsType<JsonElement>(call.Arguments!["a"]).GetDouble()));
    }

    [Fact]
    public void Random_answers_lose_no_text()
    {
        string[] parts = ["<tool_call>", "</tool_call>", """{"name": "f"}""", "{", "}", "\"", "\\", "<", " ", "\n", "x", ";", "[TOOL_CALLS]", "[", "]", ",", """{"name": "f", "arguments": {"a": 1}}"""];
        var random = new Random(3);
        for (var round = 0; round < 2000; round++)
        {
            var answer = string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => parts[random.Next(parts.Length)]));
            var format = (ToolCallFormat)(round % 3 + 1);
            var whole = Read(format, answer, Math.Max(answer.Length, 1));

            Assert.Equal(Show(whole), Show(Read(format, answer, random.Next(1, 5))));
            if (whole.All(piece => piece.Call is null))
            {
                Assert.Equal(answer, Show(whole));
            }
        }
    }

    private static ToolCallReader Reader(ToolCallFormat format, bool single = false) => new(ToolCallSyntax.Of(format), s_names, single);

    private static List<AnswerPiece> Read(ToolCallFormat format, string answer, int size)
    {
        var reader = Reader(format);
        var pieces = new List<AnswerPiece>();
        foreach (var chunk in answer.Chunk(size))
        {
            pieces.AddRange(reader.Read(new string(chunk)));
        }

        pieces.AddRange(reader.End(cut: false));
        return pieces;
    }

    private static string Show(IEnumerable<AnswerPiece> pieces)
    {
        var shown = new List<string>();
        var wasText = false;
        foreach (var (text, call) in pieces)
        {
            if (call is null && wasText)
            {
                shown[^1] += text;
            }
            else
            {
                shown.Add(call is null ? text
                    : call.Exception is not null ? call.Name + "!"
                    : $"{call.Name}({string.Join(", ", call.Arguments!.Select(argument => $"{argument.Key}={argument.Value}"))})");
            }

            wasText = call is null;
        }

        return string.Join('|', shown);
    }
}
