using System.Text.Json;
using LayerSkip.Parsing.Tools;
using Microsoft.Extensions.AI;

namespace LayerSkip.Parsing.Tests.Tools;

public class FrameToolCallingChatClientTests
{
    private const string Reminder = " [IN:CREATE_REMINDER [SL:PERSON_REMINDED me ] [SL:TODO call mom ] [SL:DATE_TIME at 5 : 30 pm ] ]";
    private const string ReminderUtterance = "remind me to call mom at 5:30pm";

    private static readonly AITool s_createReminder = AIFunctionFactory.Create(
        (string todo, string? dateTime = null) => $"I will remind you to {todo}.", "create_reminder");

    [Fact]
    public async Task An_intent_becomes_a_call_and_its_slots_arguments_as_the_user_wrote_them()
    {
        using var client = new FrameToolCallingChatClient(new ScriptedParser(Reminder));

        var response = await client.GetResponseAsync(ReminderUtterance, new() { Tools = [s_createReminder] });

        var call = Assert.IsType<FunctionCallContent>(Assert.Single(Assert.Single(response.Messages).Contents));
        Assert.Equal("create_reminder", call.Name);
        Assert.Equal(["todo", "dateTime"], call.Arguments!.Keys); // PERSON_REMINDED is not for this tool
        Assert.Equal(("call mom", "at 5:30pm"), (call.Arguments["todo"], call.Arguments["dateTime"]));
        Assert.Equal(ChatFinishReason.ToolCalls, response.FinishReason);
        Assert.Equal(12, response.Usage!.TotalTokenCount);
        Assert.Equal(("r1", "scripted-model", 0.5), (response.ResponseId, response.ModelId, response.AdditionalProperties!["acceptance_rate"]));
        Assert.Equal("m1", response.Messages[0].MessageId);
    }

    [Fact]
    public async Task What_the_limit_has_cut_short_is_not_carried_out_however_whole_it_looks()
    {
        FrameRefusal? refused = null;
        using var client = new FrameToolCallingChatClient(new ScriptedParser("[IN:CREATE_REMINDER [SL:TODO call ] ]") { FinishReason = ChatFinishReason.Length })
        {
            Explain = refusal => (refused = refusal).ToString(),
        };

        var response = await client.GetResponseAsync(ReminderUtterance, new() { Tools = [s_createReminder] });

        Assert.Empty(Calls(response));
        Assert.Equal(ChatFinishReason.Length, response.FinishReason);
        Assert.Equal((true, null, "[IN:CREATE_REMINDER [SL:TODO call ] ]"), (refused!.IsCutShort, refused.Frame, refused.Answer));
        Assert.Equal("Sorry, there was no room to say all that I understood.", response.Text);
    }

    [Fact]
    public async Task A_stream_adds_up_to_the_response()
    {
        using var client = new FrameToolCallingChatClient(new ScriptedParser(Reminder));

        var updates = await client.GetStreamingResponseAsync(ReminderUtterance, new ChatOptions { Tools = [s_createReminder] }).ToListAsync();

        Assert.Single(updates.SelectMany(update => update.Contents).OfType<UsageContent>());
        Assert.DoesNotContain(updates, update => update.Text.Length > 0);
        Assert.All(updates, update => Assert.Equal(("r1", "scripted-model", ChatRole.Assistant), (update.ResponseId, update.ModelId, update.Role!.Value)));
        var response = updates.ToChatResponse();
        Assert.Equal(ChatFinishReason.ToolCalls, response.FinishReason);
        Assert.Equal("call mom", Assert.Single(response.Messages).Contents.OfType<FunctionCallContent>().Single().Arguments!["todo"]);
        Assert.Equal((12, 0.5), (response.Usage!.TotalTokenCount, response.AdditionalProperties!["acceptance_rate"]));
    }

    [Theory]
    [InlineData("CreateReminder")]
    [InlineData("createReminder")]
    [InlineData("create-reminder")]
    [InlineData("Home-CreateReminder")]
    [InlineData("Home_create_reminder")]
    public async Task A_tool_is_found_however_its_name_is_written(string name)
    {
        using var client = new FrameToolCallingChatClient(new ScriptedParser(Reminder));

        var response = await client.GetResponseAsync(ReminderUtterance, new() { Tools = [Declare("recreate_reminder"), Declare(name)] });

        Assert.Equal(name, Calls(response).Single().Name);
    }

    [Fact]
    public async Task The_exact_name_comes_before_a_longer_one()
    {
        using var client = new FrameToolCallingChatClient(new ScriptedParser(Reminder));

        var response = await client.GetResponseAsync(
            ReminderUtterance, new() { Tools = [Declare("home-create_reminder"), new HostedCodeInterpreterTool(), Declare("create_reminder")] });

        Assert.Equal("create_reminder", Calls(response).Single().Name);
    }

    [Fact]
    public async Task The_results_of_tools_are_the_answer_and_the_parser_is_not_asked_again()
    {
        using var parser = new ScriptedParser(Reminder);
        using var client = new FrameToolCallingChatClient(parser);
        var options = new ChatOptions { Tools = [s_createReminder] };

        var (messages, answer) = await Converse(client, ReminderUtterance, options);

        Assert.Equal("I will remind you to call mom.", answer.Text);
        Assert.Equal(ChatFinishReason.Stop, answer.FinishReason);
        Assert.Equal(0, answer.Usage!.TotalTokenCount);
        Assert.Equal("scripted-model", answer.ModelId);
        Assert.Single(parser.Requests);

        // Also without tools, as function-invoking clients ask when they have had enough rounds.
        Assert.Equal(answer.Text, (await client.GetResponseAsync(messages)).Text);
        Assert.Single(parser.Requests);
    }

    [Fact]
    public async Task The_parser_sees_the_last_utterance_and_nothing_that_it_was_not_trained_on()
    {
        using var parser = new ScriptedParser(Reminder);
        using var client = new FrameToolCallingChatClient(parser);
        ChatMessage[] messages =
        [
            new(ChatRole.System, "You are Jarvis."), new(ChatRole.User, "hi"), new(ChatRole.Assistant, "Hello."), new(ChatRole.User, " " + ReminderUtterance),
        ];
        var options = new ChatOptions
        {
            Instructions = "Be kind.", Tools = [s_createReminder], ToolMode = ChatToolMode.RequireAny, AllowMultipleToolCalls = true,
            ResponseFormat = ChatResponseFormat.Json, Temperature = 0, AdditionalProperties = new() { ["exit_layer"] = 2 },
        };

        await client.GetResponseAsync(messages, options);

        var (asked, with) = Assert.Single(parser.Requests);
        Assert.Equal(ReminderUtterance, Assert.Single(asked).Text);
        Assert.Equal((null, null, null, null, null), (with!.Instructions, with.Tools, with.ToolMode, with.AllowMultipleToolCalls, with.ResponseFormat));
        Assert.Equal((0, 2), (with.Temperature, with.AdditionalProperties!["exit_layer"]));
        Assert.Same(s_createReminder, Assert.Single(options.Tools!)); // the caller's options are as they were
        Assert.Equal("Be kind.", options.Instructions);
    }

    [Fact]
    public async Task Without_tools_a_request_passes_unchanged()
    {
        using var parser = new ScriptedParser(Reminder);
        using var client = new FrameToolCallingChatClient(parser);

        Assert.Equal(Reminder, (await client.GetResponseAsync([new(ChatRole.System, "x"), new(ChatRole.User, "y")])).Text);
        var options = new ChatOptions { Tools = [s_createReminder], ToolMode = ChatToolMode.None };
        Assert.Equal(4, (await client.GetStreamingResponseAsync("y", options).ToListAsync()).Count);

        Assert.Equal(2, parser.Requests[0].Messages.Count);
        Assert.Same(options, parser.Requests[1].Options);
    }

    [Theory]
    [InlineData(" [IN:GET_DIRECTIONS [SL:DESTINATION home ] ]", "Sorry, I cannot do that (get directions). My tools: create_reminder.")]
    [InlineData(" [IN:UNSUPPORTED_REMINDER ]", "Sorry, I cannot do that (unsupported reminder). My tools: create_reminder.")]
    [InlineData(" [IN:CREATE_REMINDER [SL:DATE_TIME at 5 ] ]", "Please say more: to create reminder, I need todo.")]
    [InlineData(" [IN:CREATE_REMINDER [SL:TODO call mom ]", "Sorry, I did not understand that.")]
    [InlineData(" [SL:TODO call mom ]", "Sorry, I did not understand that.")]
    [InlineData(" [IN:CREATE_REMINDER [IN:CREATE_REMINDER ] ]", "Sorry, I did not understand that.")]
    [InlineData("Hello!", "Sorry, I did not understand that.")]
    [InlineData("", "Sorry, I did not understand that.")]
    public async Task What_cannot_be_called_is_answered_in_words(string frame, string expected)
    {
        using var client = new FrameToolCallingChatClient(new ScriptedParser(frame));

        var response = await client.GetResponseAsync("x", new() { Tools = [s_createReminder], ToolMode = ChatToolMode.RequireAny });

        Assert.Equal(expected, response.Text);
        Assert.Empty(Calls(response));
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        Assert.Equal(12, response.Usage!.TotalTokenCount);
    }

    [Fact]
    public async Task Explain_says_it_in_the_applications_words_and_knows_why()
    {
        var refusals = new List<FrameRefusal>();
        using var client = new FrameToolCallingChatClient(new ScriptedParser("[IN:CREATE_REMINDER ]", "[IN:GET_TIMER ]", "what?"))
        {
            Explain = refusal =>
            {
                refusals.Add(refusal);
                return "Nein.";
            },
        };
        var options = new ChatOptions { Tools = [s_createReminder] };

        for (var i = 0; i < 3; i++)
        {
            Assert.Equal("Nein.", (await client.GetResponseAsync("x", options)).Text);
        }

        Assert.Equal(("create_reminder", "IN:CREATE_REMINDER"), (refusals[0].Tool!.Name, refusals[0].Frame!.Root.Text));
        Assert.Equal(["todo"], refusals[0].MissingParameters);
        Assert.Equal((null, "[IN:GET_TIMER ]"), (refusals[1].Tool, refusals[1].Answer));
        Assert.Equal(["IN:CREATE_REMINDER", "IN:GET_TIMER", null], refusals.Select(refusal => refusal.Intent?.Text));
        Assert.Equal(["create_reminder"], refusals[1].Tools.Select(tool => tool.Name));
        Assert.Equal((null, "what?"), (refusals[2].Frame, refusals[2].Answer));
    }

    [Theory]
    [InlineData("string person", "Please say more: to get location home, I need person.")]
    [InlineData("DateTime contact", "Sorry, to get location home, I cannot read \"mom\" as contact.")]
    public async Task A_refusal_is_of_the_intent_that_could_not_be_called(string parameter, string expected)
    {
        FrameRefusal? seen = null;
        using var client = new FrameToolCallingChatClient(new ScriptedParser("[IN:GET_DIRECTIONS [SL:DESTINATION [IN:GET_LOCATION_HOME [SL:CONTACT mom ] ] ] ]"))
        {
            Explain = refusal => (seen = refusal).ToString(),
        };
        AIFunction home = parameter == "string person"
            ? AIFunctionFactory.Create((string person) => person, "get_location_home")
            : AIFunctionFactory.Create((DateTime contact) => contact, "get_location_home");

        var response = await client.GetResponseAsync(
            "directions to mom's", new() { Tools = [AIFunctionFactory.Create((string destination) => destination, "get_directions"), home] });

        Assert.Equal(expected, response.Text);
        Assert.Equal(("IN:GET_LOCATION_HOME", "IN:GET_DIRECTIONS", "get_location_home"), (seen!.Intent!.Text, seen.Frame!.Root.Text, seen.Tool!.Name));
    }

    [Fact]
    public async Task A_refusal_names_some_of_many_tools()
    {
        using var client = new FrameToolCallingChatClient(new ScriptedParser("[IN:PLAY_MUSIC ]"));

        var response = await client.GetResponseAsync("x", new() { Tools = [.. Enumerable.Range(0, 10).Select(i => Declare($"do_{i}"))] });

        Assert.Equal("Sorry, I cannot do that (play music). My tools: do_0, do_1, do_2, do_3, do_4, do_5, do_6, do_7 and 2 more.", response.Text);
    }

    [Fact]
    public async Task A_conversation_without_an_utterance_is_answered_without_the_parser()
    {
        using var parser = new ScriptedParser(Reminder);
        using var client = new FrameToolCallingChatClient(parser);
        var options = new ChatOptions { Tools = [s_createReminder] };

        Assert.Equal("Sorry, I did not understand that.", (await client.GetResponseAsync([], options)).Text);
        Assert.Equal("Sorry, I did not understand that.", (await client.GetResponseAsync(new ChatMessage(ChatRole.User, []), options)).Text);
        Assert.Empty(parser.Requests);
    }

    [Fact]
    public async Task An_inner_intent_that_asks_is_called_first_and_its_result_feeds_the_outer_one()
    {
        const string Frame = "[IN:GET_DIRECTIONS [SL:SOURCE [IN:GET_LOCATION_HOME [SL:CONTACT mom ] ] ] [SL:DESTINATION [IN:GET_LOCATION_WORK ] ] ]";
        using var parser = new ScriptedParser(Frame);
        using var client = new FrameToolCallingChatClient(parser);
        var options = new ChatOptions
        {
            Tools =
            [
                AIFunctionFactory.Create((string source, string destination) => $"Go from {source} to {destination}.", "GetDirections"),
                AIFunctionFactory.Create((string contact) => $"{contact}'s house", "GetLocationHome"),
                AIFunctionFactory.Create(() => "the office", "GetLocationWork"),
            ],
        };

        var (messages, answer) = await Converse(client, "directions from mom's home to work", options);

        Assert.Equal("Go from mom's house to the office.", answer.Text);
        Assert.Single(parser.Requests);
        Assert.Equal(
            [["GetLocationHome", "GetLocationWork"], ["GetDirections"]],
            messages.Where(message => message.Role == ChatRole.Assistant).Select(message => message.Contents.OfType<FunctionCallContent>().Select(call => call.Name)));

        // One by one where the caller wants it so.
        options.AllowMultipleToolCalls = false;
        var (oneByOne, same) = await Converse(client, "directions from mom's home to work", options);
        Assert.Equal(answer.Text, same.Text);
        Assert.Equal(3, oneByOne.Count(message => message.Role == ChatRole.Assistant));
        Assert.Equal(2, parser.Requests.Count);
    }

    [Fact]
    public async Task A_history_that_was_saved_and_lost_the_frame_is_parsed_again()
    {
        const string Frame = "[IN:GET_DIRECTIONS [SL:DESTINATION [IN:GET_LOCATION_WORK ] ] ]";
        using var parser = new ScriptedParser(Frame);
        using var client = new FrameToolCallingChatClient(parser);
        var options = new ChatOptions
        {
            Tools = [AIFunctionFactory.Create((string destination) => $"Go to {destination}.", "get_directions"), AIFunctionFactory.Create(() => "the office", "get_location_work")],
        };
        var first = await client.GetResponseAsync("directions to work", options);
        List<ChatMessage> messages = [new(ChatRole.User, "directions to work"), .. first.Messages, new(ChatRole.Tool, [new FunctionResultContent(Calls(first).Single().CallId, "the office")])];

        var json = JsonSerializer.Serialize(messages, AIJsonUtilities.DefaultOptions);
        var saved = JsonSerializer.Deserialize<List<ChatMessage>>(json, AIJsonUtilities.DefaultOptions)!;
        var second = await client.GetResponseAsync(saved, options);
        Assert.Equal("the office", Calls(second).Single().Arguments!["destination"]);
        Assert.Single(parser.Requests);

        saved[1].Contents.OfType<FunctionCallContent>().Single().AdditionalProperties = null;
        second = await client.GetResponseAsync(saved, options);
        Assert.Equal("the office", Calls(second).Single().Arguments!["destination"]);
        Assert.Equal(2, parser.Requests.Count);
    }

    [Fact]
    public async Task An_inner_intent_that_acts_is_never_carried_out()
    {
        const string Frame = "[IN:CREATE_REMINDER [SL:TODO [IN:SEND_MESSAGE [SL:RECIPIENT jody ] ] ] [SL:DATE_TIME after 4 ] ]";
        using var client = new FrameToolCallingChatClient(new ScriptedParser(Frame));
        var sent = 0;
        var options = new ChatOptions { Tools = [s_createReminder, AIFunctionFactory.Create((string recipient) => sent++, "send_message")] };

        var (_, answer) = await Converse(client, "remind me to text jody after 4", options);

        Assert.Equal("I will remind you to send message jody.", answer.Text);
        Assert.Equal(0, sent);
    }

    [Fact]
    public async Task A_failed_tool_ends_the_turn_with_what_is_known()
    {
        const string Frame = "[IN:GET_DIRECTIONS [SL:DESTINATION [IN:GET_LOCATION_WORK ] ] ]";
        using var client = new FrameToolCallingChatClient(new ScriptedParser(Frame));
        var options = new ChatOptions
        {
            Tools = [AIFunctionFactory.Create((string destination) => destination, "get_directions"), AIFunctionFactory.Create(string () => throw new InvalidOperationException("no map"), "get_location_work")],
        };

        var (_, answer) = await Converse(client, "directions to work", options);

        Assert.Equal("Error: no map", answer.Text);
    }

    [Fact]
    public async Task A_result_that_is_no_text_is_told_as_json()
    {
        using var client = new FrameToolCallingChatClient(new ScriptedParser("[IN:GET_TIMER ]"));
        var options = new ChatOptions { Tools = [AIFunctionFactory.Create(() => new List<int> { 1, 2 }, "get_timer")] };

        var (_, answer) = await Converse(client, "x", options);

        Assert.Equal("[1,2]", answer.Text);
    }

    [Fact]
    public async Task A_required_function_is_the_only_one_that_may_be_called()
    {
        using var client = new FrameToolCallingChatClient(new ScriptedParser(Reminder));

        var response = await client.GetResponseAsync(
            ReminderUtterance, new() { Tools = [s_createReminder, Declare("get_timer")], ToolMode = ChatToolMode.RequireSpecific("get_timer") });

        Assert.Equal("Sorry, I cannot do that (create reminder). My tools: get_timer.", response.Text);
    }

    [Fact]
    public async Task Null_messages_are_refused_before_anything_is_awaited_and_cancellation_throws()
    {
        using var client = new FrameToolCallingChatClient(new ScriptedParser(Reminder));
        var options = new ChatOptions { Tools = [s_createReminder] };

        Assert.Throws<ArgumentNullException>(() => { _ = client.GetResponseAsync((IEnumerable<ChatMessage>)null!); });
        Assert.Throws<ArgumentNullException>(() => client.GetStreamingResponseAsync((IEnumerable<ChatMessage>)null!));
        Assert.Throws<ArgumentException>(() => client.GetStreamingResponseAsync([null!], options));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.GetResponseAsync("x", options, new CancellationToken(canceled: true)));
    }

    private static AIFunctionDeclaration Declare(string name) =>
        AIFunctionFactory.CreateDeclaration(name, null, JsonElement.Parse("""{"type":"object","properties":{}}"""));

    private static IEnumerable<FunctionCallContent> Calls(ChatResponse response) =>
        response.Messages.SelectMany(message => message.Contents).OfType<FunctionCallContent>();

    /// <summary>What a function-invoking client does: calls what the answer asks for until it asks for nothing.</summary>
    private static async Task<(List<ChatMessage> Messages, ChatResponse Answer)> Converse(FrameToolCallingChatClient client, string utterance, ChatOptions options)
    {
        List<ChatMessage> messages = [new(ChatRole.User, utterance)];
        for (var round = 0; round < 10; round++)
        {
            var response = await client.GetResponseAsync(messages, options);
            var calls = Calls(response).ToList();
            if (calls.Count == 0)
            {
                return (messages, response);
            }

            messages.AddRange(response.Messages);
            var results = new ChatMessage(ChatRole.Tool, []);
            foreach (var call in calls)
            {
                var function = options.Tools!.OfType<AIFunction>().Single(tool => tool.Name == call.Name);
                try
                {
                    results.Contents.Add(new FunctionResultContent(call.CallId, await function.InvokeAsync(new(call.Arguments!))));
                }
                catch (InvalidOperationException e)
                {
                    results.Contents.Add(new FunctionResultContent(call.CallId, "Error: " + e.Message) { Exception = e });
                }
            }

            messages.Add(results);
        }

        throw new InvalidOperationException("ten rounds, and still no answer");
    }
}
