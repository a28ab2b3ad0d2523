using System.Text.Json;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.Engine;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Sampling;
using LayerSkip.Engine.Scheduling;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Tests;

/// <summary>What consumers of <see cref="IChatClient"/> rely on, shown on a scripted model.</summary>
public class ContractTests
{
    private const string ChatMl =
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

    [Fact]
    public async Task Instructions_and_system_messages_come_first_in_their_order()
    {
        string? prompt = null;
        using var client = Client(text => (prompt = text, "yes").Item2);
        ChatMessage[] messages =
        [
            new(ChatRole.System, "s"), new(new ChatRole("developer"), "d"), new(ChatRole.User, "u"), new(ChatRole.Assistant, "a"),
            new(ChatRole.System, "t"), new(ChatRole.User, "v"), new(ChatRole.User, "w"),
        ];

        await client.GetResponseAsync(messages, new ChatOptions { Instructions = "i" });

        Assert.Equal(
            "system\ni|system\ns|system\nd|user\nu|assistant\na|system\nt|user\nv|user\nw|assistant\n",
            string.Join('|', prompt!.Split("<|im_start|>", StringSplitOptions.RemoveEmptyEntries)).Replace("<|im_end|>\n", "", StringComparison.Ordinal));
    }

    public static TheoryData<string, ChatMessage[]> Odd => new()
    {
        { "no content", [new(ChatRole.User, [])] },
        { "null text", [new(ChatRole.User, (string?)null)] },
        { "empty texts", [new(ChatRole.System, ""), new(ChatRole.User, ""), new(ChatRole.Assistant, ""), new(ChatRole.Tool, [])] },
        { "no user", [new(ChatRole.Assistant, "a")] },
        { "unknown role", [new(new ChatRole("critic"), "c")] },
        { "unknown contents", [new(ChatRole.User, [new TextContent("x"), new HostedFileContent("f"), new ErrorContent("e"), new UsageContent(new())])] },
    };

    [Theory]
    [MemberData(nameof(Odd))]
    public async Task Odd_conversations_are_answered(string name, ChatMessage[] messages)
    {
        using var client = Client(_ => name);
        Assert.Equal(name, (await client.GetResponseAsync(messages)).Text);
        Assert.Equal(name, (await client.GetStreamingResponseAsync(messages).ToChatResponseAsync()).Text);
    }

    [Fact]
    public async Task Neither_messages_nor_options_are_changed()
    {
        using var client = Client(_ => "yes");
        List<ChatMessage> messages =
        [
            new(ChatRole.User, [new TextContent("a"), new TextReasoningContent("b")]) { AuthorName = "Ann", MessageId = "1" },
            new(ChatRole.Assistant, [new FunctionCallContent("1", "f", new Dictionary<string, object?> { ["x"] = 1 })]),
            new(ChatRole.Tool, [new FunctionResultContent("1", "r")]),
        ];
        var options = new ChatOptions
        {
            Instructions = "i",
            MaxOutputTokens = 3,
            StopSequences = ["no", "<|im_end|>"],
            Reasoning = new() { Effort = ReasoningEffort.Low, Output = ReasoningOutput.None },
            AdditionalProperties = new() { ["exit_layer"] = "2", ["logprobs"] = 1.0, ["top_logprobs"] = "3", ["stream_options"] = "?" },
        };
        string Json() => JsonSerializer.Serialize(messages, AIJsonUtilities.DefaultOptions) + JsonSerializer.Serialize(options, AIJsonUtilities.DefaultOptions);
        var before = Json();

        await client.GetResponseAsync(messages, options);
        await client.GetStreamingResponseAsync(messages, options).ToChatResponseAsync();

        Assert.Equal(before, Json());
    }

    [Fact]
    public async Task Caller_is_not_blocked_by_the_computation()
    {
        using var gate = new ManualResetEventSlim();
        using var client = Client(_ => "yes");
        var options = new ChatOptions { RawRepresentationFactory = _ => new DecodingOptions { LogitsProcessors = [new Wait(gate)] } };

        var response = client.GetResponseAsync(TestModels.User("x"), options);

        Assert.False(response.IsCompleted);
        gate.Set();
        Assert.Equal("yes", (await response).Text);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Caller_is_not_blocked_while_the_conversation_is_read(bool streaming)
    {
        using var gate = new ManualResetEventSlim();
        using var client = Client(_ => "yes");
        ChatMessage[] messages = [new(ChatRole.User, "x"), new(ChatRole.Tool, [new FunctionResultContent("1", Slow())])];

        // A caller that had to read it itself would find the gate closed.
        Task<ChatResponse> response = streaming
            ? client.GetStreamingResponseAsync(messages).ToChatResponseAsync()
            : client.GetResponseAsync(messages);

        gate.Set();
        Assert.Equal("yes", (await response).Text);

        IEnumerable<AIContent> Slow()
        {
            Assert.True(gate.Wait(TimeSpan.FromSeconds(10)), "the caller's thread reads the conversation");
            yield return new TextContent("result");
        }
    }

    [Fact]
    public async Task Cancellation_ends_the_reading()
    {
        using var cancellation = new CancellationTokenSource();
        using var client = Client(_ => "yes");
        ChatMessage[] messages = [new(ChatRole.Tool, [new FunctionResultContent("1", Cancelling())])];

        // Rendered to its end it would be refused: the model's context holds less.
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.GetResponseAsync(messages, cancellationToken: cancellation.Token));

        IEnumerable<AIContent> Cancelling()
        {
            cancellation.Cancel();
            yield return new TextContent(new string('x', 1 << 16));
        }
    }

    [Fact]
    public async Task Messages_and_options_may_change_once_they_are_taken()
    {
        string? prompt = null;
        using var client = Client(text => (prompt = text, "a long answer").Item2);
        List<ChatMessage> messages = [new(ChatRole.User, "first")];
        var options = new ChatOptions { MaxOutputTokens = 6, Instructions = "i" };

        var stream = client.GetStreamingResponseAsync(messages, options);
        messages.Add(new(ChatRole.User, "second"));
        (options.MaxOutputTokens, options.Instructions) = (1, "j");

        Assert.Equal("a long", (await stream.ToChatResponseAsync()).Text);
        Assert.Contains("system\ni<", prompt);
        Assert.DoesNotContain("second", prompt);
    }

    [Fact]
    public async Task Raw_options_win_and_are_completed_from_the_others()
    {
        using var client = Client(_ => "a long answer");
        ChatOptions Options(DecodingOptions raw) => new ChatOptions { MaxOutputTokens = 5, RawRepresentationFactory = _ => raw }.WithNumSpeculations(3);

        var wins = await client.GetResponseAsync(TestModels.User("x"), Options(new() { MaxNewTokens = 2, ExitLayer = 1 }));
        var completed = await client.GetResponseAsync(TestModels.User("x"), Options(new() { ExitLayer = 3 }));

        Assert.Equal(("a ", 1, 3), (wins.Text, wins.AdditionalProperties!["exit_layer"], wins.AdditionalProperties["num_speculations"]));
        Assert.Equal(("a lon", 3), (completed.Text, completed.AdditionalProperties!["exit_layer"]));
    }

    [Fact]
    public async Task Usages_add_up()
    {
        using var client = Client(_ => "four");
        var sum = new UsageDetails();
        for (var i = 0; i < 3; i++)
        {
            sum.Add((await client.GetResponseAsync(TestModels.User("x"))).Usage!);
        }

        Assert.Equal(15, sum.OutputTokenCount);
        Assert.Equal(sum.InputTokenCount + sum.OutputTokenCount, sum.TotalTokenCount);
        Assert.Equal(
            15 * 4, sum.AdditionalCounts!["LayerSkip.LayersExecuted"] + sum.AdditionalCounts["LayerSkip.LayersSkipped"]);
        Assert.InRange(sum.CachedInputTokenCount!.Value, 1, sum.InputTokenCount!.Value - 3);
    }

    [Fact]
    public async Task Stop_sequences_end_inside_of_a_token_and_beside_the_models_own()
    {
        using var client = Client(_ => "one two three");
        Assert.Equal("one ", await client.Answer("x", new ChatOptions { StopSequences = ["three", "two"] }));
        Assert.Equal("one two three", await client.Answer("x", new ChatOptions { StopSequences = ["four"] }));
    }

    [Fact]
    public async Task Thirty_two_requests_with_cancellations_at_random_are_each_right()
    {
        using var client = TestModels.LoadParser();
        string[] utterances = ["message alex to see if she made it home", "Turn off alarms", "Please snooze", "Any concerts this weekend"];
        var alone = new Dictionary<string, string>();
        foreach (var utterance in utterances)
        {
            alone[utterance] = await client.Answer(utterance);
        }

        await Task.WhenAll(Enumerable.Range(0, 32).Select(i => Task.Run(async () =>
        {
            var random = new Random(i);
            var (utterance, updatesLeft) = (utterances[i % 4], random.Next(2) == 0 ? random.Next(3) : int.MaxValue);
            using var cancellation = new CancellationTokenSource();
            var text = "";
            try
            {
                await foreach (var update in client.GetStreamingResponseAsync(TestModels.User(utterance), cancellationToken: cancellation.Token))
                {
                    text += update.Text;
                    if (updatesLeft-- == 0)
                    {
                        await cancellation.CancelAsync();
                    }
                }

                Assert.Equal(alone[utterance], text);
            }
            catch (OperationCanceledException)
            {
                Assert.True(updatesLeft < 0);
                Assert.StartsWith(text, alone[utterance]);
            }
        })));

        var engine = client.Engine();
        Assert.Equal((0, 0, 0), (engine.RunningRequests, engine.QueuedRequests, engine.KvBytesInUse));
        Assert.Equal(engine.KvBytesIdle, engine.Model.KvBytes);
    }

    private static LayerSkipChatClient Client(Func<string, string> answer) =>
        new(new LayerSkipEngine(ScriptedModel.Create(answer), ownsModel: true), ChatTemplate.Parse(ChatMl), ownsEngine: true);

    private sealed class Wait(ManualResetEventSlim gate) : ILogitsProcessor
    {
        public void Process(ReadOnlySpan<int> context, Span<float> logits) => gate.Wait();
    }
}
