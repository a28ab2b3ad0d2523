using LayerSkip.AI.ChatTemplates;
using LayerSkip.Engine;
using LayerSkip.Engine.Scheduling;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Tests.Tools;

/// <summary>Microsoft.Extensions.AI's function-invoking client around ours: it calls the tools, and asks again with their results.</summary>
public class FunctionInvocationTests
{
    private readonly List<string> _called = [];

    public static TheoryData<ToolCallFormat, bool> Cases
    {
        get
        {
            var cases = new TheoryData<ToolCallFormat, bool>();
            foreach (var format in Enum.GetValues<ToolCallFormat>())
            {
                cases.Add(format, false);
                cases.Add(format, true);
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Two_steps_of_tools_lead_to_an_answer(ToolCallFormat format, bool streaming)
    {
        var syntax = AI.Tools.ToolCallSyntax.Of(format);
        var prompts = new List<string>();
        var both = syntax.Write(
            ((string[])["Ann", "Bob"]).Select(person => new TemplateToolCall("find_city", System.Text.Json.JsonElement.Parse($$"""{"person": "{{person}}"}"""))));
        string[] answers = [both, syntax.Write("get_weather", """{"city": "Rome", "days": 2}"""), "Ann gets sun."];
        using var client = Client(format, prompt =>
        {
            prompts.Add(prompt);
            return answers[prompts.Count - 1];
        });

        var response = await Ask(client, "Weather where Ann and Bob are?", Options(), streaming);

        Assert.Equal("Ann gets sun.", response.Messages[^1].Text);
        Assert.Equal(["find_city(Ann)", "find_city(Bob)", "get_weather(Rome, 2)"], _called);
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);

        // Every prompt tells all that came before.
        Assert.Equal(3, prompts.Count);
        Assert.Contains("find_city", prompts[0], StringComparison.Ordinal);
        Assert.Contains("Rome for Ann", prompts[1], StringComparison.Ordinal);
        Assert.Contains("Rome for Bob", prompts[1], StringComparison.Ordinal);
        Assert.Contains("2 days of sun in Rome", prompts[2], StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Required_tool_is_called_once_and_then_answered(ToolCallFormat format, bool streaming)
    {
        using var client = Client(format, prompt => prompt.Contains("Rome for", StringComparison.Ordinal) ? "Found." : "I want to chat.");
        var options = Options();
        options.ToolMode = ChatToolMode.RequireSpecific("find_city");
        options.AllowMultipleToolCalls = false;

        var response = await Ask(client, "?", options, streaming);

        Assert.StartsWith("find_city(", Assert.Single(_called), StringComparison.Ordinal);
        Assert.Equal("Found.", response.Messages[^1].Text);
        Assert.IsType<RequiredChatToolMode>(options.ToolMode);
    }

    [Fact]
    public async Task Tool_that_is_only_declared_ends_the_loop_with_its_call()
    {
        using var client = Client(ToolCallFormat.Hermes, _ => AI.Tools.ToolCallSyntax.Of(ToolCallFormat.Hermes).Write("open_door", "{}"));
        var declaration = AIFunctionFactory.CreateDeclaration("open_door", "Opens the door.", System.Text.Json.JsonElement.Parse("""{"type": "object"}"""));

        var response = await client.GetResponseAsync("?", new ChatOptions { Tools = [declaration], AllowMultipleToolCalls = false });

        Assert.Equal("open_door", Assert.IsType<FunctionCallContent>(Assert.Single(Assert.Single(response.Messages).Contents)).Name);
        Assert.Equal(ChatFinishReason.ToolCalls, response.FinishReason);
    }

    private ChatOptions Options() => new()
    {
        Tools =
        [
            AIFunctionFactory.Create((string person) => Note($"find_city({person})", $"Rome for {person}"), "find_city"),
            AIFunctionFactory.Create((string city, int days) => Note($"get_weather({city}, {days})", $"{days} days of sun in {city}"), "get_weather"),
        ],
    };

    private string Note(string call, string result)
    {
        _called.Add(call);
        return result;
    }

    private static async Task<ChatResponse> Ask(IChatClient client, string text, ChatOptions options, bool streaming) => streaming
        ? await client.GetStreamingResponseAsync(TestModels.User(text), options).ToChatResponseAsync()
        : await client.GetResponseAsync(TestModels.User(text), options);

    private static IChatClient Client(ToolCallFormat format, Func<string, string> answer)
    {
        var template = format switch
        {
            ToolCallFormat.Hermes => ToolTemplates.Hermes,
            ToolCallFormat.Llama3Json => ToolTemplates.Llama,
            ToolCallFormat.Mistral => ToolTemplates.Mistral,
            _ => ChatTemplate.Default,
        };
        var model = ScriptedModel.Create(answer, new() { DraftAccuracy = 0.7 });
        return new LayerSkipChatClient(new LayerSkipEngine(model, ownsModel: true), template, ownsEngine: true)
            .AsBuilder().UseFunctionInvocation().Build();
    }
}
