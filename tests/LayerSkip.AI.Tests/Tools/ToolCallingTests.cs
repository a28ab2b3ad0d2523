using System.Text.Json;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Tools;
using LayerSkip.Engine;
using LayerSkip.Engine.Scheduling;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace LayerSkip.AI.Tests.Tools;

/// <summary>The client's side of tool calling, by a model that writes what the tests say.</summary>
public class ToolCallingTests
{
    private static readonly AIFunction s_weather = AIFunctionFactory.Create((string city, int days) => $"{days} days of sun in {city}", "get_weather");
    private static readonly AIFunctionDeclaration s_time = AIFunctionFactory.CreateDeclaration("get_time", null, JsonElement.Parse("""{"type": "object"}"""));

    [Fact]
    public async Task Call_comes_whole_behind_streamed_text_and_ends_the_answer()
    {
        using var client = Client(ToolTemplates.Hermes, "Let me look.\n" + Call("get_weather", """{"city": "Rome", "days": 2}"""));
        var updates = await client.Updates("Rome?", Options());

        var contents = updates.SelectMany(update => update.Contents).ToList();
        var call = Assert.Single(contents.OfType<FunctionCallContent>());
        Assert.Equal("get_weather", call.Name);
        Assert.Null(call.Exception);
        Assert.Equal(["city", "days"], call.Arguments!.Keys);
        Assert.Equal("Rome", Assert.IsType<JsonElement>(call.Arguments["city"]).GetString());
        Assert.Equal(2, Assert.IsType<JsonElement>(call.Arguments["days"]).GetInt32());

        // Text, the call, one usage.
        Assert.Equal("Let me look.", contents.Text());
        Assert.IsType<UsageContent>(contents[^1]);
        Assert.Same(call, contents[^2]);
        Assert.Equal(ChatFinishReason.ToolCalls, updates.ToChatResponse().FinishReason);
    }

    [Fact]
    public async Task Several_calls_have_ids_of_their_own()
    {
        using var client = Client(ToolTemplates.Hermes, Call("get_weather", """{"city": "Rome", "days": 1}""") + "\n" + Call("get_weather", """{"city": "Oslo", "days": 1}"""));
        var calls = Calls(await client.GetResponseAsync("Both?", Options()));

        Assert.Equal(["Rome", "Oslo"], calls.Select(call => call.Arguments!["city"]!.ToString()));
        Assert.NotEqual(calls[0].CallId, calls[1].CallId);
    }

    [Fact]
    public async Task Single_call_is_all_there_is_where_several_are_not_allowed()
    {
        var both = Call("get_weather", """{"city": "Rome", "days": 1}""") + "\n" + Call("get_weather", """{"city": "Oslo", "days": 1}""");
        using var client = Client(ToolTemplates.Hermes, both, both);
        var options = Options();
        options.AllowMultipleToolCalls = false;
        var response = await client.GetResponseAsync("Both?", options);

        Assert.Equal("Rome", Assert.Single(Calls(response)).Arguments!["city"]!.ToString());
        Assert.Equal(ChatFinishReason.ToolCalls, response.FinishReason);
        Assert.Equal(2, Calls(await client.GetResponseAsync("Both?", Options())).Count);
    }

    [Fact]
    public async Task Llama_writes_calls_as_bare_json()
    {
        using var client = Client(
            ToolTemplates.Llama,
            """{"name": "get_weather", "parameters": {"city": "Rome", "days": 3}}""",
            """{"temperature": 21}""");

        Assert.Equal("Rome", Assert.Single(Calls(await client.GetResponseAsync("?", Options()))).Arguments!["city"]!.ToString());
        var response = await client.GetResponseAsync("?", Options());
        Assert.Equal("""{"temperature": 21}""", response.Text);
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Model_without_a_tool_format_calls_in_the_plain_one(bool hasTemplate)
    {
        var prompts = new List<string>();
        using var client = Client(hasTemplate ? ToolTemplates.ChatMl : ChatTemplate.Default, prompt =>
        {
            prompts.Add(prompt);
            return Call("get_weather", """{"city": "Rome", "days": 2}""");
        });
        var response = await client.GetResponseAsync("Rome?", Options());

        Assert.Single(Calls(response));
        Assert.Contains("\"name\":\"get_weather\"", Assert.Single(prompts), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Checkpoint_with_a_template_for_tools_is_told_of_them_by_it()
    {
        var prompts = new List<string>();
        using var client = Client(ToolTemplates.HermesOfTwo, prompt =>
        {
            prompts.Add(prompt);
            return Call("get_weather", """{"city": "Rome", "days": 2}""");
        });
        ChatMessage[] asked = [new(ChatRole.User, "Rome?")];

        var response = await client.GetResponseAsync(asked, Options());
        ChatMessage[] answered = [.. asked, .. response.Messages, new(ChatRole.Tool, [new FunctionResultContent(Calls(response)[0].CallId, "sunny")])];
        await client.GetResponseAsync(answered, Options());
        await client.GetResponseAsync(answered);

        Assert.All(prompts[..2], prompt => Assert.StartsWith("<|im_start|>system\nTools:\n", prompt, StringComparison.Ordinal));
        Assert.Contains("<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rome\", \"days\": 2}}", prompts[1], StringComparison.Ordinal);
        Assert.Contains("<|im_start|>tool\nsunny", prompts[1], StringComparison.Ordinal);

        // The other template knows no calls.
        Assert.StartsWith("<|im_start|>user\nRome?", prompts[2], StringComparison.Ordinal);
        Assert.Contains("<tool_call>\n{\"name\": \"get_weather\"", prompts[2], StringComparison.Ordinal);
        Assert.Contains("<tool_response>\nsunny", prompts[2], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tool_mode_none_describes_the_tools_and_gets_no_calls()
    {
        string? seen = null;
        using var client = Client(ToolTemplates.Hermes, prompt =>
        {
            seen = prompt;
            return Call("get_weather", """{"city": "Rome", "days": 2}""");
        });
        var options = Options();
        options.ToolMode = ChatToolMode.None;
        var response = await client.GetResponseAsync("Rome?", options);

        Assert.Contains("get_weather", seen, StringComparison.Ordinal);
        Assert.Empty(Calls(response));
        Assert.NotEqual(ChatFinishReason.ToolCalls, response.FinishReason);
    }

    [Fact]
    public async Task Hosted_tools_are_left_out_with_a_warning()
    {
        string? seen = null;
        var log = new Requests.LogRecorder<LayerSkipChatClient>();
        using var client = new LayerSkipChatClient(
            new LayerSkipEngine(ScriptedModel.Create(prompt => (seen = prompt)[..0]), ownsModel: true), ToolTemplates.Hermes, logger: log, ownsEngine: true);
        await client.GetResponseAsync("?", new ChatOptions { Tools = [new HostedWebSearchTool(), s_time] });

        Assert.Contains("HostedWebSearchTool", Assert.Single(log.Entries, entry => entry.Level == LogLevel.Warning).Text, StringComparison.Ordinal);
        Assert.Contains("get_time", seen, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stop_sequences_end_text_and_leave_calls_whole()
    {
        using var client = Client(ToolTemplates.Hermes, "Well. " + Call("get_weather", """{"city": "Rome", "days": 2}"""), "One.\nTwo.");
        var options = Options();
        options.StopSequences = ["\n"];

        Assert.Single(Calls(await client.GetResponseAsync("?", options)));
        Assert.Equal("One.", (await client.GetResponseAsync("?", options)).Text);
    }

    [Fact]
    public async Task Stop_sequence_of_white_space_ends_text_at_once()
    {
        using var client = Client(ToolTemplates.Hermes, "One.\n\nTwo.", "One.\n\n", Call("get_time", "{}") + "\n" + Call("get_time", "{}"));
        var options = Options();
        options.StopSequences = ["\n\n"];
        options.MaxOutputTokens = 6;
        for (var i = 0; i < 2; i++)
        {
            var response = await client.GetResponseAsync("?", options);

            Assert.Equal("One.", response.Text);
            Assert.Equal(6, response.Usage!.OutputTokenCount);
            Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        }

        options.StopSequences = ["\n"];
        options.MaxOutputTokens = null;
        Assert.Equal(2, Calls(await client.GetResponseAsync("?", options)).Count);
    }

    [Fact]
    public async Task Stream_may_be_read_again()
    {
        var answer = "Well. " + Call("get_weather", """{"city": "Rome", "days": 2}""");
        using var client = Client(ToolTemplates.Hermes, answer, answer);
        var options = Options();
        options.AllowMultipleToolCalls = false;
        var stream = client.GetStreamingResponseAsync("?", options);
        for (var i = 0; i < 2; i++)
        {
            var response = await stream.ToChatResponseAsync();

            Assert.Equal("Well.", response.Text);
            Assert.Equal("get_weather", Assert.Single(Calls(response)).Name);
        }
    }

    [Fact]
    public async Task Call_that_the_token_limit_cuts_is_no_call()
    {
        using var client = Client(ToolTemplates.Hermes, Call("get_weather", """{"city": "Rome", "days": 2}"""));
        var options = Options();
        options.MaxOutputTokens = 30;
        var response = await client.GetResponseAsync("?", options);

        Assert.Empty(Calls(response));
        Assert.Equal(ChatFinishReason.Length, response.FinishReason);
    }

    private static string Call(string name, string arguments) => $"<tool_call>\n{{\"name\": \"{name}\", \"arguments\": {arguments}}}\n</tool_call>";

    private static ChatOptions Options() => new() { Tools = [s_weather, s_time] };

    private static List<FunctionCallContent> Calls(ChatResponse response) =>
        [.. response.Messages.SelectMany(message => message.Contents).OfType<FunctionCallContent>()];

    private static LayerSkipChatClient Client(ChatTemplate template, params string[] answers) => Client(template, ScriptedModel.Create(answers));

    private static LayerSkipChatClient Client(ChatTemplate template, Func<string, string> answer) => Client(template, ScriptedModel.Create(answer));

    private static LayerSkipChatClient Client(ChatTemplate template, LayerSkipModel model) =>
        new(new LayerSkipEngine(model, ownsModel: true), template, ownsEngine: true);
}
