using System.Text.Json;
using LayerSkip.Parsing.Data;
using LayerSkip.Parsing.Forms;
using LayerSkip.Parsing.Frames;
using LayerSkip.Parsing.Tools;
using LayerSkip.Tests;
using Microsoft.Extensions.AI;

namespace LayerSkip.Parsing.Tests.Tools;

/// <summary>Slots as values of the types that a tool's schema asks for.</summary>
public class ArgumentTests
{
    [Theory]
    [InlineData("""{"type":"string"}""", "[SL:X for 10 pm ] [SL:X monday ]", "\"for 10 pm, monday\"")]
    [InlineData("{}", "[SL:X 10 ]", "\"10\"")]
    [InlineData("true", "[SL:X 10 ]", "\"10\"")]
    [InlineData("""{"type":["string","null"]}""", "[SL:X a ]", "\"a\"")]
    [InlineData("""{"type":"array","items":{"type":"string"}}""", "[SL:X a b ] [SL:X c ]", """["a b","c"]""")]
    [InlineData("""{"type":["array","null"],"items":{"type":"integer"}}""", "[SL:X 1 ]", "[1]")]
    [InlineData("""{"type":"integer"}""", "[SL:X 20 ]", "20")]
    [InlineData("""{"type":["number","null"]}""", "[SL:X 2.5 ]", "2.5")]
    [InlineData("""{"type":"boolean"}""", "[SL:X true ]", "true")]
    [InlineData("""{"enum":["GetUp","Sleep"]}""", "[SL:X get up ]", "\"GetUp\"")]
    [InlineData("""{"type":"string"}""", "[SL:X [IN:GET_TIME [SL:DATE_TIME on monday ] ] ]", "\"on monday\"")]
    [InlineData("""{"type":"object"}""", "[SL:X [IN:GET_TIME [SL:DATE_TIME on monday ] ] ]", """{"intent":"get_time","date_time":"on monday"}""")]
    [InlineData("""{"type":"object","properties":{"dateTime":{"type":"string"},"y":{}},"required":["dateTime"]}""",
        "[SL:X [IN:GET_TIME [SL:DATE_TIME on monday ] [SL:Z z ] ] ]", """{"dateTime":"on monday"}""")]
    [InlineData("""{"type":"array","items":{"type":"object","properties":{"n":{"type":"integer"}}}}""",
        "[SL:X [IN:A [SL:N 1 ] ] ] [SL:X [IN:A [SL:N 2 ] ] ]", """[{"n":1},{"n":2}]""")]
    [InlineData("""{"type":"string"}""", "[SL:X ]", "\"\"")]
    public async Task A_slot_becomes_what_the_schema_takes(string schema, string slots, string expected)
    {
        var call = await Call(Parameters($"\"x\":{schema}"), $"[IN:DO {slots} ]");

        Assert.Equal(expected, Compact(call!.Arguments!["x"]));
    }

    [Theory]
    [InlineData("""{"type":"integer"}""", "[SL:X twenty ]")]
    [InlineData("""{"type":"integer"}""", "[SL:X 1 ] [SL:X 2 ]")]
    [InlineData("""{"type":"number"}""", "[SL:X NaN ]")]
    [InlineData("""{"enum":["a"]}""", "[SL:X b ]")]
    [InlineData("""{"type":"object"}""", "[SL:X words ]")]
    [InlineData("""{"type":"object","properties":{"y":{}},"required":["y"]}""", "[SL:X [IN:A [SL:Z 1 ] ] ]")]
    [InlineData("""{"type":"array","items":{"type":"integer"}}""", "[SL:X 1 ] [SL:X two ]")]
    [InlineData("""{"type":"string"}""", "")]
    public async Task What_does_not_fit_is_asked_for_where_it_is_required_and_left_out_where_it_is_not(string schema, string slots)
    {
        Assert.Null(await Call(Parameters($"\"x\":{schema}", "\"x\""), $"[IN:DO {slots} ]"));

        var call = await Call(Parameters($"\"x\":{schema}"), $"[IN:DO {slots} ]");
        Assert.Empty(call!.Arguments!);
    }

    [Theory]
    [InlineData("date-time", "2026-11-26T17:00:00Z", "at 5 pm")]
    [InlineData("date-time", "2026-11-26T17:00:00", "tomorrow")]
    [InlineData("date", "2026-11-26", "5 pm")]
    [InlineData("time", "17:00:00", "5:00 pm")]
    public async Task A_moment_is_taken_as_machines_write_it_and_else_refused_even_where_it_is_optional(string format, string moment, string words)
    {
        foreach (var schema in new[] { $$"""{"type":"string","format":"{{format}}"}""", $$"""{"type":["string","null"],"format":"{{format}}"}""" })
        {
            foreach (var required in new[] { "", "\"x\"" })
            {
                var parameters = Parameters($"\"x\":{schema}", required);
                Assert.Equal(moment, (await Call(parameters, $"[IN:DO [SL:X {moment} ] ]"))!.Arguments!["x"]);
                Assert.Null(await Call(parameters, $"[IN:DO [SL:X {words} ] ]"));
            }
        }

        Assert.Null(await Call(Parameters($$$"""  "x":{"type":"array","items":{"type":"string","format":"{{{format}}}"}}  """), $"[IN:DO [SL:X {words} ] ]"));
    }

    [Fact]
    public async Task What_cannot_be_read_is_told_with_its_words_and_the_parameter()
    {
        FrameRefusal? refused = null;
        using var client = new FrameToolCallingChatClient(new ScriptedParser("[IN:CREATE_ALARM [SL:DATE_TIME at 7 ] ]"))
        {
            Explain = refusal => (refused = refusal).ToString(),
        };
        var tool = AIFunctionFactory.Create((DateTime dateTime) => "set", "CreateAlarm");

        var response = await client.GetResponseAsync("wake me at 7", new() { Tools = [tool] });

        Assert.Equal("Sorry, to create alarm, I cannot read \"at 7\" as dateTime.", response.Text);
        Assert.Equal(("at 7", "dateTime"), (refused!.UnreadableParameters["dateTime"], refused.MissingParameters.Single()));
    }

    [Fact]
    public async Task A_required_parameter_that_may_be_null_is_null_where_nothing_was_said()
    {
        var call = await Call(Parameters("""  "x":{"type":["string","null"]}  """, "\"x\""), "[IN:DO ]");

        Assert.Null(call!.Arguments!["x"]);
    }

    [Theory]
    [InlineData("""{"type":"string"}""", "\"42\"")]
    [InlineData("""{"type":"integer"}""", "42")]
    public async Task A_result_becomes_what_the_outer_parameter_takes(string schema, string expected)
    {
        foreach (var result in new object[] { "42", 42, JsonElement.Parse("42"), JsonElement.Parse("\"42\"") })
        {
            using var client = new FrameToolCallingChatClient(new ScriptedParser("[IN:DO [SL:X [IN:GET_X ] ] ]"));
            var options = new ChatOptions { Tools = [Declare("do", Parameters($"\"x\":{schema}")), Declare("get_x", Parameters(""))] };
            var first = await client.GetResponseAsync("x", options);
            var inner = first.Messages[0].Contents.OfType<FunctionCallContent>().Single();

            var second = await client.GetResponseAsync(
                [new(ChatRole.User, "x"), .. first.Messages, new(ChatRole.Tool, [new FunctionResultContent(inner.CallId, result)])], options);

            Assert.Equal(expected, Compact(second.Messages[0].Contents.OfType<FunctionCallContent>().Single().Arguments!["x"]));
        }
    }

    [Theory]
    [InlineData("at 5:30pm, please", "at 5 : 30 pm", "at 5:30pm")]
    [InlineData("concerts [live] tonight", "( live )", "[live]")]
    [InlineData("party art", "art", "art")]
    [InlineData("What's on?", "What 's", "What's")]
    [InlineData("a  b", "a b", "a  b")]
    [InlineData("nothing of it", "gotham city", "gotham city")]
    [InlineData("", "x", "x")]
    [InlineData("dinner with anna at 7:30pm", "dinner|anna", "dinner with anna")]
    [InlineData("anna likes dinner with bob", "dinner|anna", "dinner anna")]
    public void Words_come_back_as_the_user_wrote_them(string utterance, string words, string expected) =>
        Assert.Equal(expected, new UtteranceText(utterance).Of([.. words.Split('|').Select(run => run.Split(' '))]));

    [Fact]
    public void Every_slot_of_the_data_comes_back_as_a_piece_of_its_utterance()
    {
        var (slots, verbatim) = (0, 0);
        foreach (var row in TopV2File.Read(SharedData.Require("topv2/reminder_eval.tsv")))
        {
            var utterance = new UtteranceText(row.Utterance);
            foreach (var slot in DecoupledForm.FromFull(row.Parse).Root.Children.Where(slot => slot.Children.All(child => child.Kind == FrameNodeKind.Word)))
            {
                slots++;
                verbatim += row.Utterance.Contains(utterance.Of([[.. slot.Children.Select(child => child.Text)]]), StringComparison.Ordinal) ? 1 : 0;
            }
        }

        Assert.True(slots > 1000 && verbatim > 0.999 * slots, $"{verbatim} of {slots}");
    }

    private static async Task<FunctionCallContent?> Call(string parameters, string frame)
    {
        using var client = new FrameToolCallingChatClient(new ScriptedParser(frame));
        var response = await client.GetResponseAsync("x", new() { Tools = [Declare("do", parameters)] });
        return response.Messages[0].Contents.OfType<FunctionCallContent>().SingleOrDefault();
    }

    private static string Parameters(string properties, string required = "") =>
        $$"""{"type":"object","properties":{ {{properties}} },"required":[{{required}}]}""";

    private static AIFunctionDeclaration Declare(string name, string schema) => AIFunctionFactory.CreateDeclaration(name, null, JsonElement.Parse(schema));

    private static string Compact(object? value) => value switch
    {
        JsonElement json => JsonSerializer.Serialize(json),
        _ => JsonSerializer.Serialize(value),
    };
}
