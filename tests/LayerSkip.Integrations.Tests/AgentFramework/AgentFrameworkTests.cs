using System.ComponentModel.DataAnnotations;
using LayerSkip.AI;
using LayerSkip.Parsing.Tools;
using Microsoft.Agents.AI;
using Microsoft.Extensions.AI;

namespace LayerSkip.Integrations.Tests.AgentFramework;

/// <summary>Microsoft Agent Framework above the client.</summary>
public class AgentFrameworkTests(Parser parser)
{
    [Fact]
    public async Task An_agent_answers_and_its_session_keeps_the_history()
    {
        var counting = new RecordingClient(parser.Counting());
        AIAgent agent = counting.AsAIAgent(name: "parser");
        var session = await agent.CreateSessionAsync();

        var first = await agent.RunAsync(Parser.Utterance, session);
        var second = await agent.RunAsync("start a timer for 20 minutes", session);

        Assert.Equal(Parser.Frame, first.Text);
        Assert.NotEmpty(second.Text);
        Assert.True(first.Usage!.OutputTokenCount > 5);
        Assert.Equal([1, 3], counting.MessageCounts); // the whole history comes along: no conversation id was ever returned
    }

    [Fact]
    public async Task Instructions_reach_the_model()
    {
        AIAgent agent = parser.Client.AsAIAgent(instructions: "Parse what the user says.", name: "parser");

        var with = await agent.RunAsync(Parser.Utterance);
        var without = await parser.Client.AsAIAgent(name: "parser").RunAsync(Parser.Utterance);

        Assert.True(with.Usage!.InputTokenCount > without.Usage!.InputTokenCount);
    }

    [Fact]
    public async Task An_agent_streams()
    {
        AIAgent agent = parser.Client.AsAIAgent();

        var updates = await agent.RunStreamingAsync(Parser.Utterance).ToListAsync();

        Assert.Equal(Parser.Frame, string.Concat(updates.Select(update => update.Text)));
        Assert.Single(updates.SelectMany(update => update.Contents).OfType<UsageContent>());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_agent_calls_tools_over_turns_of_one_session(bool streaming)
    {
        var reminders = new List<string>();
        string CreateReminder(string todo, string? dateTime = null)
        {
            reminders.Add($"{todo} {dateTime}");
            return $"I will remind you to {todo}.";
        }

        using var client = new FrameToolCallingChatClient(parser.Counting());
        AIAgent agent = client.AsAIAgent(instructions: "You are kind.", tools: [AIFunctionFactory.Create(CreateReminder, "create_reminder")]);
        var session = await agent.CreateSessionAsync();

        Assert.Equal("I will remind you to call mom.", await RunAsync(Parser.Utterance));
        Assert.Equal("I will remind you to water the plants.", await RunAsync("remind me to water the plants tomorrow"));
        Assert.Equal("Sorry, I cannot do that (get weather). My tools: create_reminder.", await RunAsync("will it rain in boston this weekend"));

        Assert.Equal(["call mom at 5 pm", "water the plants tomorrow"], reminders);

        async Task<string> RunAsync(string text)
        {
            var response = streaming
                ? await agent.RunStreamingAsync(text, session).ToAgentResponseAsync()
                : await agent.RunAsync(text, session);
            return response.Messages[^1].Text;
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_agent_of_a_model_that_calls_tools_itself_remembers_calls_and_results(bool streaming)
    {
        var prompts = new List<string>();
        using var client = Scripted.Client(prompt =>
        {
            prompts.Add(prompt);
            return prompts.Count % 2 == 1 ? Scripted.Call("get_weather", """{"city": "Rome"}""") : "Sunny.";
        });
        AIAgent agent = client.AsAIAgent(
            instructions: "You are a weatherman.", tools: [AIFunctionFactory.Create((string city) => $"sun in {city}", "get_weather")]);
        var session = await agent.CreateSessionAsync();

        for (var turn = 0; turn < 2; turn++)
        {
            var response = streaming
                ? await agent.RunStreamingAsync("Rome?", session).ToAgentResponseAsync()
                : await agent.RunAsync("Rome?", session);
            Assert.Equal("Sunny.", response.Messages[^1].Text);
        }

        Assert.All(prompts, prompt => Assert.Contains("You are a weatherman.", prompt, StringComparison.Ordinal));
        Assert.Equal([0, 1, 1, 2], prompts.Select(prompt => prompt.Split("sun in Rome").Length - 1));
        Assert.Contains("Sunny.", prompts[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_session_of_any_length_fits_the_model_when_its_history_is_reduced()
    {
        var counting = new RecordingClient(parser.Counting());
        AIAgent agent = counting.AsAIAgent(new ChatClientAgentOptions
        {
            ChatHistoryProvider = new InMemoryChatHistoryProvider(new() { ChatReducer = new TokenBudgetChatReducer(parser.Client, maxTokens: 120) }),
        });
        var session = await agent.CreateSessionAsync();

        for (var turn = 0; turn < 12; turn++)
        {
            // The history's share, and the new message's.
            Assert.InRange((await agent.RunAsync(Parser.Utterance, session)).Usage!.InputTokenCount!.Value, 1, 120 + 30);
        }

        Assert.True(counting.MessageCounts[^1] < 23);
    }

    [Fact]
    public async Task An_agent_answers_with_a_type()
    {
        AIAgent agent = parser.Client.AsAIAgent();

        var response = await agent.RunAsync<Timer>("start a timer for 20 minutes", options: new ChatClientAgentRunOptions(new() { MaxOutputTokens = 60 }));

        Assert.NotNull(response.Result.Name);
    }

    private sealed record Timer(string Name, [property: Range(1, 600)] int Minutes);

    private sealed class RecordingClient(IChatClient client) : DelegatingChatClient(client)
    {
        public List<int> MessageCounts { get; } = [];

        public override Task<ChatResponse> GetResponseAsync(
            IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
        {
            List<ChatMessage> list = [.. messages];
            MessageCounts.Add(list.Count);
            return base.GetResponseAsync(list, options, cancellationToken);
        }
    }
}
