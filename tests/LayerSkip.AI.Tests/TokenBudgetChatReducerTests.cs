using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Tests.Hosting;
using LayerSkip.Engine;
using LayerSkip.Engine.Scheduling;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Tests;

public sealed class TokenBudgetChatReducerTests(TokenBudgetChatReducerTests.Parser parser) : IClassFixture<TokenBudgetChatReducerTests.Parser>
{
    /// <summary>The parser's tokenizer, under a template that takes every role.</summary>
    public sealed class Parser : IDisposable
    {
        public LayerSkipChatClient Client { get; } =
            new(new LayerSkipEngine(LayerSkipModel.Load(TestModels.ParserPath), ownsModel: true), ChatTemplate.Default, ownsEngine: true);

        public void Dispose() => Client.Dispose();
    }

    [Fact]
    public async Task What_fits_is_left_as_it_is()
    {
        var messages = Conversation(new Random(1), turns: 4);

        Assert.Equal(messages, await Reduce(messages, await Count(messages)));
        Assert.Empty(await Reduce([], 1));
    }

    [Fact]
    public async Task Newest_whole_turns_that_fit_are_kept_with_all_system_messages()
    {
        var random = new Random(2);
        for (var round = 0; round < 60; round++)
        {
            var messages = Conversation(random, random.Next(1, 9));
            var budget = random.Next(1, await Count(messages) + 10);

            var kept = await Reduce(messages, budget);

            // In order, and of the messages given.
            var places = kept.Select(message => Array.IndexOf(messages, message)).ToArray();
            Assert.DoesNotContain(-1, places);
            Assert.Equal(places.Order(), places);
            Assert.All(messages.Where(message => message.Role == ChatRole.System), message => Assert.Contains(message, kept));
            Assert.Same(messages.Last(message => message.Role != ChatRole.System), kept.Last(message => message.Role != ChatRole.System));
            AssertCallsAndResultsTogether(kept);

            // It fits, and one turn more would not; else the last turn alone is too long already.
            var turns = messages.Index().Where(entry => entry.Item.Role == ChatRole.User).Select(entry => entry.Index).ToArray();
            var first = Array.IndexOf(messages, kept.First(message => message.Role == ChatRole.User));
            if (first < turns[^1])
            {
                Assert.InRange(await Count(kept), 1, budget);
            }

            var wider = turns.LastOrDefault(turn => turn < first, -1);
            if (wider >= 0)
            {
                Assert.True(await Count([.. messages.Where((message, i) => i >= wider || message.Role == ChatRole.System)]) > budget);
            }

            Assert.Equal(kept, await Reduce([.. kept], budget));
        }
    }

    [Fact]
    public async Task Turn_that_alone_is_too_long_loses_its_oldest_steps_but_not_its_question()
    {
        ChatMessage[] messages =
        [
            new(ChatRole.System, "Be brief."),
            new(ChatRole.User, "What came before?"),
            new(ChatRole.Assistant, "Nothing."),
            new(ChatRole.User, "Is it warm in all of these towns?"),
            Calls("a", "b"), Result("a"), Result("b"),
            Calls("c"), Result("c"),
            Calls("d"), Result("d"),
        ];
        ChatMessage[] expected = [messages[0], messages[3], .. messages[7..]];
        var budget = await Count(expected);

        Assert.Equal(expected, await Reduce(messages, budget));
        Assert.Equal([messages[0], messages[3], .. messages[9..]], await Reduce(messages, budget - 1));

        // The least there can be, though it does not fit.
        Assert.Equal([messages[0], messages[3], .. messages[9..]], await Reduce(messages, 1));
    }

    [Fact]
    public async Task Call_and_its_later_result_stay_together_with_all_between_them()
    {
        ChatMessage[] messages =
        [
            new(ChatRole.User, "Start."), Calls("slow"), new(ChatRole.Assistant, "It takes a while."),
            new(ChatRole.User, "And now?"), Result("slow"), new(ChatRole.Assistant, "Done."),
        ];

        var kept = await Reduce(messages, await Count(messages) - 1);

        AssertCallsAndResultsTogether(kept);
        Assert.Equal([messages[0], messages[5]], kept);
    }

    [Fact]
    public async Task Instructions_and_tools_take_their_share()
    {
        var messages = Conversation(new Random(3), turns: 5);
        var budget = await Count(messages);
        foreach (var options in new ChatOptions[]
        {
            new() { Instructions = "Answer in one sentence, please." },
            new() { Tools = [AIFunctionFactory.Create((string place) => "warm", "weather", "Says how warm it is.")] },
        })
        {
            var kept = (await new TokenBudgetChatReducer(parser.Client, budget, options).ReduceAsync(messages, default)).ToArray();

            Assert.True(kept.Length < messages.Length);
            Assert.InRange((await parser.Client.WaitForModelAsync(default)).Reader.CountTokens(kept, options), 1, budget);
        }
    }

    [Fact]
    public async Task Pipeline_with_the_reducer_answers_what_would_not_fit()
    {
#pragma warning disable MEAI001 // UseChatReducer is still experimental there.
        using var client = parser.Client.AsBuilder().UseChatReducer(new TokenBudgetChatReducer(parser.Client, 150)).Build();
#pragma warning restore MEAI001
        ChatMessage[] messages = [.. Enumerable.Repeat(new ChatMessage(ChatRole.User, Words(new Random(5))), 60)];
        await Assert.ThrowsAsync<PromptTooLongException>("messages", () => parser.Client.GetResponseAsync(messages));

        var response = await client.GetResponseAsync(messages, new ChatOptions { MaxOutputTokens = 5 });

        Assert.InRange(response.Usage!.InputTokenCount!.Value, 100, 150);
    }

    [Fact]
    public async Task Client_is_found_behind_its_pipeline_and_may_still_be_loading()
    {
        using var loading = new GatedLoading();
        var pipeline = new LayerSkipChatClient(loading.Loader).AsBuilder().UseLogging(Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance).Build();
        var reduction = new TokenBudgetChatReducer(pipeline, 20).ReduceAsync(TestModels.User("x"), default);
        await loading.Entered;
        Assert.False(reduction.IsCompleted);
        loading.Open();

        Assert.Single(await reduction);
        Assert.Throws<ArgumentException>("client", () => new TokenBudgetChatReducer(new Other(), 10));
        Assert.Throws<ArgumentOutOfRangeException>("maxTokens", () => new TokenBudgetChatReducer(parser.Client, 0));
        Assert.Throws<ArgumentNullException>("messages", () => { _ = new TokenBudgetChatReducer(parser.Client, 1).ReduceAsync(null!, default); });
        Assert.Throws<ArgumentException>("messages", () => { _ = new TokenBudgetChatReducer(parser.Client, 1).ReduceAsync([null!], default); });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => new TokenBudgetChatReducer(parser.Client, 1).ReduceAsync(Conversation(new Random(4), 3), new CancellationToken(canceled: true)));
    }

    private async Task<ChatMessage[]> Reduce(ChatMessage[] messages, int maxTokens) =>
        [.. await new TokenBudgetChatReducer(parser.Client, maxTokens).ReduceAsync(messages, TestContext.Current.CancellationToken)];

    private async Task<int> Count(IReadOnlyList<ChatMessage> messages) =>
        (await parser.Client.WaitForModelAsync(default)).Reader.CountTokens(messages, options: null);

    private static void AssertCallsAndResultsTogether(IEnumerable<ChatMessage> messages)
    {
        var contents = messages.SelectMany(message => message.Contents).ToArray();
        Assert.Equal(
            contents.OfType<FunctionCallContent>().Select(call => call.CallId).Order(),
            contents.OfType<FunctionResultContent>().Select(result => result.CallId).Order());
    }

    /// <summary>A random conversation: system messages here and there, questions, tool calls with their results, answers.</summary>
    private static ChatMessage[] Conversation(Random random, int turns)
    {
        var messages = new List<ChatMessage>();
        var calls = 0;
        for (var turn = 0; turn < turns; turn++)
        {
            if (random.Next(3) == 0)
            {
                messages.Add(new(ChatRole.System, Words(random)));
            }

            messages.Add(new(ChatRole.User, Words(random)));
            for (var step = random.Next(4); step > 0; step--)
            {
                var ids = Enumerable.Range(0, random.Next(1, 4)).Select(_ => $"call{calls++}").ToArray();
                messages.Add(Calls(ids));
                messages.AddRange(random.Next(2) == 0 ? [new(ChatRole.Tool, [.. ids.Select(id => new FunctionResultContent(id, "warm"))])] : ids.Select(Result));
            }

            messages.Add(new(ChatRole.Assistant, Words(random)));
        }

        return [.. messages];
    }

    private static ChatMessage Calls(params string[] ids) =>
        new(ChatRole.Assistant, [.. ids.Select(id => new FunctionCallContent(id, "weather", new Dictionary<string, object?> { ["place"] = "Kiel" }))]);

    private static ChatMessage Result(string id) => new(ChatRole.Tool, [new FunctionResultContent(id, "warm, " + id)]);

    private static string Words(Random random) => string.Join(' ', Enumerable.Range(0, random.Next(1, 12)).Select(_ => "word" + random.Next(100)));

    private sealed class Other : IChatClient
    {
        public Task<ChatResponse> GetResponseAsync(
            IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
            IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public object? GetService(Type serviceType, object? serviceKey = null) => null;

        public void Dispose()
        {
        }
    }
}
