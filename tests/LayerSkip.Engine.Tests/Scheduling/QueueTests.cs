using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Scheduling;

namespace LayerSkip.Engine.Tests.Scheduling;

/// <summary>Who runs, who waits, and who is refused.</summary>
public class QueueTests
{
    [Fact]
    public async Task One_request_too_many_is_refused_and_a_later_one_served()
    {
        using var gate = new Gate();
        using var engine = new LayerSkipEngine(Requests.Model(), ownsModel: true, new() { MaxConcurrentRequests = 1, MaxQueuedRequests = 2 });
        await using var first = engine.Generate([1], Models.Autoregressive(3) with { LogitsProcessors = [gate] });
        gate.WaitUntilEntered();
        await using var second = engine.Generate([2], Models.Autoregressive(3));
        await using var third = engine.Generate([3], Models.Autoregressive(3));
        Assert.Equal((1, 2), (engine.RunningRequests, engine.QueuedRequests));

        var error = Assert.Throws<RequestQueueFullException>(() => engine.Generate([4]));
        Assert.Contains("3 unfinished requests", error.Message, StringComparison.Ordinal);
        Assert.Contains("MaxConcurrentRequests (1) and MaxQueuedRequests (2)", error.Message, StringComparison.Ordinal);

        gate.Open();
        Assert.Equal(3, (await first.ReadAll()).Length);
        await using var fourth = engine.Generate([4], Models.Autoregressive(3));
        foreach (var reader in (TokenReader[])[second, third, fourth])
        {
            Assert.Equal(3, (await reader.ReadAll()).Length);
        }

        Assert.Equal((0, 0, 0), (engine.RunningRequests, engine.QueuedRequests, engine.KvBytesInUse));
    }

    [Fact]
    public async Task Engine_tells_beforehand_whether_it_is_full()
    {
        using var gate = new Gate();
        using var engine = new LayerSkipEngine(Requests.Model(), ownsModel: true, new() { MaxConcurrentRequests = 1, MaxQueuedRequests = 0 });
        engine.ThrowIfFull();
        await using var first = engine.Generate([1], Models.Autoregressive(3) with { LogitsProcessors = [gate] });

        Assert.Throws<RequestQueueFullException>(engine.ThrowIfFull);

        gate.Open();
        await first.ReadAll();
        engine.ThrowIfFull();
    }

    [Fact]
    public async Task Without_a_queue_only_what_can_run_is_taken()
    {
        using var gate = new Gate();
        using var engine = new LayerSkipEngine(Requests.Model(), ownsModel: true, new() { MaxConcurrentRequests = 2, MaxQueuedRequests = 0 });
        await using var first = engine.Generate([1], Models.Autoregressive(3) with { LogitsProcessors = [gate] });
        await using var second = engine.Generate([2], Models.Autoregressive(3));
        Assert.Throws<RequestQueueFullException>(() => engine.Generate([3]));
        gate.Open();
        Assert.Equal(3, (await second.ReadAll()).Length);
    }

    [Fact]
    public async Task Waiting_requests_begin_in_the_order_they_came()
    {
        using var gate = new Gate();
        using var engine = new LayerSkipEngine(Requests.Model(), ownsModel: true, new() { MaxConcurrentRequests = 1 });
        var turns = new List<int>();
        var readers = Enumerable.Range(0, 8)
            .Select(i => engine.Generate([i], Models.Autoregressive(2) with { LogitsProcessors = i == 0 ? [gate] : [new Turns(turns, i)] }))
            .ToArray();
        gate.Open();
        foreach (var reader in readers)
        {
            await using (reader)
            {
                await reader.ReadAll();
            }
        }

        Assert.Equal([1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7], turns);
    }

    [Fact]
    public async Task Running_requests_take_turns()
    {
        using var gate = new Gate();
        using var engine = new LayerSkipEngine(Requests.Model(), ownsModel: true, new() { Clock = new SteppingClock() });
        await using var first = engine.Generate([9], Models.Autoregressive(1) with { LogitsProcessors = [gate] });
        gate.WaitUntilEntered();

        // All three stand in the queue when the gate opens: a short request, one that drafts, and one whose prompt takes three pieces.
        var turns = new List<int>();
        var prompt = Enumerable.Range(0, 700).Select(static i => i % 97).ToArray();
        await using var plain = engine.Generate([1], Models.Autoregressive(12) with { LogitsProcessors = [new Turns(turns, 0)] });
        await using var other = engine.Generate([2], Models.Autoregressive(12) with { LogitsProcessors = [new Turns(turns, 1)] });
        await using var late = engine.Generate(prompt, Models.Autoregressive(12) with { LogitsProcessors = [new Turns(turns, 2)] });
        gate.Open();
        foreach (var reader in (TokenReader[])[first, plain, other, late])
        {
            await reader.ReadAll();
        }

        // While all run, each gets its round; a piece of a prompt is one too, which ends with no token.
        int[] begin = [0, 1, 0, 1];
        int[] together = [0, 1, 2];

        // Where the others wait for a pass that they share, the last piece of the prompt, which is too large for it, comes first.
        int[] last = TestedDevice.SharesPasses ? [2, 0, 1] : together;
        Assert.Equal([.. begin, .. last, .. Enumerable.Repeat(together, 9).SelectMany(static t => t), 2, 2], turns);
    }

    [Fact]
    public async Task Cancelling_a_waiting_request_ends_it_at_once()
    {
        using var gate = new Gate();
        using var engine = new LayerSkipEngine(Requests.Model(), ownsModel: true, new() { MaxConcurrentRequests = 1, MaxQueuedRequests = 1 });
        await using var running = engine.Generate([1], Models.Autoregressive(3) with { LogitsProcessors = [gate] });
        gate.WaitUntilEntered();

        // The engine's thread stands still all the while; the place in the queue is free again each time.
        for (var i = 0; i < 5; i++)
        {
            using var cancellation = new CancellationTokenSource();
            await using var waiting = engine.Generate([2], Models.Autoregressive(3), cancellation.Token);
            Assert.Equal(1, engine.QueuedRequests);
            Assert.Throws<RequestQueueFullException>(() => engine.Generate([3]));
            await cancellation.CancelAsync();
            var error = await Assert.ThrowsAsync<OperationCanceledException>(async () => await waiting.WaitToReadAsync());
            Assert.Equal(cancellation.Token, error.CancellationToken);
            Assert.Equal(0, engine.QueuedRequests);
            Assert.Equal((FinishReason.None, 1, 0), (waiting.FinishReason, waiting.Statistics.PromptTokens, waiting.Statistics.Tokens));

            var abandoned = engine.Generate([2], Models.Autoregressive(3));
            await abandoned.DisposeAsync();
            Assert.Equal(0, engine.QueuedRequests);
        }

        gate.Open();
        Assert.Equal(3, (await running.ReadAll()).Length);
        await using var after = engine.Generate([2], Models.Autoregressive(3));
        Assert.Equal(3, (await after.ReadAll()).Length);
    }

    [Fact]
    public async Task Request_cancelled_before_it_is_made_never_begins()
    {
        using var engine = new LayerSkipEngine(Requests.Model(), ownsModel: true);
        await using var reader = engine.Generate([1], Models.Autoregressive(3), new CancellationToken(canceled: true));
        await Assert.ThrowsAsync<OperationCanceledException>(async () => await reader.WaitToReadAsync());
        Assert.Equal((0, 0), (engine.RunningRequests, engine.QueuedRequests));
    }

    [Fact]
    public async Task Disposal_ends_waiting_requests_too()
    {
        using var gate = new Gate();
        var engine = new LayerSkipEngine(Requests.Model(), ownsModel: true, new() { MaxConcurrentRequests = 1 });
        await using var running = engine.Generate([1], new DecodingOptions { LogitsProcessors = [gate] });
        await using var waiting = engine.Generate([2]);
        gate.WaitUntilEntered();
        var disposal = Task.Run(engine.Dispose, TestContext.Current.CancellationToken);
        gate.Open();
        await disposal;
        await Assert.ThrowsAsync<ObjectDisposedException>(() => running.ReadAll());
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting.ReadAll());
        Assert.Equal((0, 0, 0), (engine.RunningRequests, engine.QueuedRequests, engine.KvBytesInUse));
    }

    [Theory]
    [InlineData(0, 0, "MaxConcurrentRequests must be at least 1")]
    [InlineData(1, -1, "MaxQueuedRequests must be at least 0")]
    public void Options_out_of_range_are_refused_by_name(int concurrent, int queued, string message)
    {
        using var model = Requests.Model();
        var options = new EngineOptions { MaxConcurrentRequests = concurrent, MaxQueuedRequests = queued };
        Assert.Contains(message, Assert.Throws<ArgumentOutOfRangeException>(() => new LayerSkipEngine(model, options: options)).Message, StringComparison.Ordinal);
    }
}
