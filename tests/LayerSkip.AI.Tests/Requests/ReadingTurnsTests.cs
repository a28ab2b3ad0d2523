using LayerSkip.AI.ChatTemplates;
using LayerSkip.Engine;
using LayerSkip.Engine.Scheduling;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Tests.Requests;

/// <summary>The work on a request before the engine takes it on.</summary>
public class ReadingTurnsTests
{
    [Fact]
    public async Task Request_that_the_engine_would_refuse_is_not_read()
    {
        using var checkpoint = TestModels.WriteEndless();
        var log = new LogRecorder<LayerSkipChatClient>();
        using var client = LayerSkipChatClient.Load(
            new LayerSkipOptions { ModelPath = checkpoint.Directory, MaxConcurrentRequests = 1, MaxQueuedRequests = 0 }, log);
        using var generator = new LayerSkipEmbeddingGenerator(client.Engine());
        await using var running = client.GetStreamingResponseAsync(TestModels.User("x")).GetAsyncEnumerator(TestContext.Current.CancellationToken);
        Assert.True(await running.MoveNextAsync());

        var reads = 0;
        var result = Enumerable.Range(0, 1).Select(_ => (AIContent)new TextContent($"{++reads}"));
        await Assert.ThrowsAsync<RequestQueueFullException>(() => client.GetResponseAsync(Messages(result)));
        await Assert.ThrowsAsync<RequestQueueFullException>(() => generator.GenerateAsync([""]));

        Assert.Equal(0, reads);
        Assert.Contains(log.Entries, entry => entry is { Level: Microsoft.Extensions.Logging.LogLevel.Warning } && entry.Text.Contains("unfinished requests", StringComparison.Ordinal));
    }

    [Fact]
    public async Task No_more_requests_are_read_at_once_than_there_are_processors()
    {
        var (reading, most) = (0, 0);
        var gate = new Lock();
        using var client = new LayerSkipChatClient(
            new LayerSkipEngine(ScriptedModel.Create(_ => "yes"), ownsModel: true), ChatTemplate.Parse("{{ messages[0].content }}"), ownsEngine: true);

        var responses = Enumerable.Range(0, (4 * Environment.ProcessorCount) + 4).Select(_ => client.GetResponseAsync(Messages(Result()))).ToArray();

        Assert.All(await Task.WhenAll(responses), response => Assert.Equal("yes", response.Text));
        Assert.InRange(most, 1, Environment.ProcessorCount);

        IEnumerable<AIContent> Result()
        {
            lock (gate)
            {
                most = Math.Max(most, ++reading);
            }

            Thread.Sleep(30);
            lock (gate)
            {
                reading--;
            }

            yield return new TextContent("done");
        }
    }

    [Fact]
    public async Task Request_that_waits_for_its_turn_can_be_cancelled()
    {
        using var engine = new LayerSkipEngine(ScriptedModel.Create("yes"), ownsModel: true);
        using var open = new ManualResetEventSlim();
        using var entered = new CountdownEvent(Environment.ProcessorCount);
        using var cancellation = new CancellationTokenSource();
        var held = Enumerable.Range(0, Environment.ProcessorCount)
            .Select(_ => Task.Factory.StartNew(() => AI.Requests.ReadingTurns.RunAsync(engine, Hold, CancellationToken.None), TaskCreationOptions.LongRunning).Unwrap())
            .ToArray();
        try
        {
            Assert.True(entered.Wait(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken));
            var waiting = AI.Requests.ReadingTurns.RunAsync(engine, () => 0, cancellation.Token);
            Assert.False(waiting.IsCompleted);

            cancellation.Cancel();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        }
        finally
        {
            open.Set();
            await Task.WhenAll(held);
        }

        bool Hold()
        {
            entered.Signal();
            return open.Wait(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        }
    }

    private static ChatMessage[] Messages(IEnumerable<AIContent> result) =>
    [
        new(ChatRole.User, "x"), new(ChatRole.Assistant, [new FunctionCallContent("1", "look")]), new(ChatRole.Tool, [new FunctionResultContent("1", result)]),
    ];
}
