using LayerSkip.Parsing.Tools;
using Microsoft.Extensions.AI;
using TopV2Agent;

namespace LayerSkip.Integrations.Tests.Samples;

/// <summary>The sample's household behind the real parser and the real function-invoking client.</summary>
public class TopV2AgentTests(Parser parser)
{
    private readonly Clock _clock = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_said_changes_the_household(bool streaming)
    {
        var household = new Household(_clock);

        Assert.Equal("I will remind you: call mom at 5 pm.", await Say(household, Parser.Utterance, streaming));
        Assert.Equal("I will remind you: dinner with anna on friday at 7:30pm.", await Say(household, "remind me about dinner with anna on friday at 7:30pm", streaming));
        Assert.Equal("The alarm is set: for 6:30am every weekday.", await Say(household, "set an alarm for 6:30am every weekday", streaming));
        Assert.Equal("The timer runs for 20 min.", await Say(household, "start a timer for 20 minutes", streaming));
        _clock.Now += TimeSpan.FromMinutes(5);
        Assert.Equal("Now 20 min left on the timer.", await Say(household, "add 5 minutes to my timer", streaming));
        Assert.Equal("20 min left on the timer.", await Say(household, "how much time is left on my timer", streaming));
        Assert.StartsWith("boston, this weekend: ", await Say(household, "will it rain in boston this weekend", streaming), StringComparison.Ordinal);
        Assert.Equal("Deleted: call mom.", await Say(household, "delete my reminder to call mom", streaming));

        Assert.Equal(new Reminder("dinner with anna", "on friday at 7:30pm", "you"), Assert.Single(household.Reminders.All));
        Assert.Equal("for 6:30am every weekday", Assert.Single(household.Alarms.All).When);
        Assert.Equal(TimeSpan.FromMinutes(20), Assert.Single(household.Timers.All).Left(_clock.Now));
    }

    [Fact]
    public async Task A_nested_intent_is_called_before_the_one_that_needs_it()
    {
        var response = await Agent().GetResponseAsync("how long will it take to drive home", new() { Tools = new Household(_clock).Tools });

        Assert.Equal(
            ["GetLocationHome", "GetEstimatedDuration"],
            response.Messages.SelectMany(message => message.Contents).OfType<FunctionCallContent>().Select(call => call.Name));
        Assert.Equal("It takes 23 minutes to drive from here to 12 Elm Street. I made that up.", response.Messages[^1].Text);

        // Three rounds, one of which took the model; its tokens are counted once.
        Assert.True(response.Usage!.InputTokenCount is > 5 and < 30 && response.Usage.OutputTokenCount > 5);
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
    }

    [Theory]
    [InlineData("play some jazz music", "Sorry, I cannot do that (play music). My tools: CreateReminder, GetReminder, DeleteReminder, CreateAlarm, GetAlarm, DeleteAlarm, SnoozeAlarm, CreateTimer and 9 more.")]
    [InlineData("", "Sorry, I did not understand that.")]
    public async Task What_there_is_no_tool_for_changes_nothing(string utterance, string answer)
    {
        var household = new Household(_clock);

        Assert.Equal(answer, await Say(household, utterance, streaming: false));
        Assert.Empty(household.Reminders.All);
    }

    [Theory]
    [InlineData("for 20 minutes", 1200)]
    [InlineData("1 hour and 30 minutes", 5400)]
    [InlineData("half an hour", 1800)]
    [InlineData("90-second", 90)]
    [InlineData("at five", null)]
    [InlineData("for -5 minutes", null)]
    [InlineData("for - 5 minutes", null)]
    [InlineData("minus 5 minutes", null)]
    [InlineData("0 minutes", null)]
    [InlineData(null, null)]
    public void Durations_are_understood(string? text, int? seconds) => Assert.Equal(seconds, (int?)Spoken.Duration(text)?.TotalSeconds);

    private IChatClient Agent() => parser.Counting().AsBuilder().UseFunctionInvocation().Use(client => new FrameToolCallingChatClient(client)).Build();

    private async Task<string> Say(Household household, string utterance, bool streaming)
    {
        var options = new ChatOptions { Tools = household.Tools };
        var response = streaming
            ? await Agent().GetStreamingResponseAsync(utterance, options).ToChatResponseAsync()
            : await Agent().GetResponseAsync(utterance, options);
        return response.Messages[^1].Text;
    }

    private sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
