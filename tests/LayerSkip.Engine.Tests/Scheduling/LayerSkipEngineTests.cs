using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Sampling;
using LayerSkip.Engine.Scheduling;
using LayerSkip.Engine.Tests.Devices;

namespace LayerSkip.Engine.Tests.Scheduling;

/// <summary>Requests at once are each right, and what ends one leaves the others alone.</summary>
public class LayerSkipEngineTests
{
    [Fact]
    public async Task Requests_at_once_get_what_each_would_get_alone()
    {
        using var model = Requests.Model();
        var requests = Enumerable.Range(0, TestedDevice.Many(12, few: 5)).ToArray();
        var expected = requests.Select(i => Requests.Alone(model, [i, i + 1], Options(i))).ToArray();
        using var engine = new LayerSkipEngine(model);
        var actual = await Task.WhenAll(requests.Select(i => Task.Run(async () =>
        {
            await using var reader = engine.Generate([i, i + 1], Options(i));
            return await reader.ReadAll();
        })));
        Assert.Equal(expected, actual);
        Assert.Equal((0, model.KvBytes), (engine.KvBytesInUse, engine.KvBytesIdle));
    }

    [Fact]
    public async Task Requests_at_once_share_passes_and_what_fails_there_ends_those_that_do()
    {
        using var random = Requests.Model();
        var most = 0;
        var device = new WatchedDevice(random.Steps) { RunningPasses = passes => most = Math.Max(most, passes) };
        using var model = device.ToModel();
        using var engine = new LayerSkipEngine(model);
        await Together(reader => reader.ReadAll());
        Assert.Equal(TestedDevice.SharesPasses ? 3 : 0, most);

        if (TestedDevice.SharesPasses)
        {
            device.RunningPasses = static _ => throw new FormatException("no pass");
            await Together(static reader => Assert.ThrowsAsync<FormatException>(() => reader.ReadAll()));
        }

        Assert.Equal((0, 0, 0), (engine.RunningRequests, engine.QueuedRequests, engine.KvBytesInUse));
        device.RunningPasses = null;
        Assert.Equal(Requests.Alone(model, [2], Models.Autoregressive(50)), (await engine.Run([2], Models.Autoregressive(50))).Tokens);

        // They begin in one turn, behind a request that holds the engine's thread until all are there.
        async Task Together(Func<TokenReader, Task> read)
        {
            using var gate = new Gate();
            await using var first = engine.Generate([1], Models.Autoregressive(1) with { LogitsProcessors = [gate] });
            gate.WaitUntilEntered();
            var readers = Enumerable.Range(0, 3).Select(i => engine.Generate([i], Options(i))).ToArray();
            gate.Open();
            await first.ReadAll();
            await Task.WhenAll(readers.Select(read));
            foreach (var reader in readers)
            {
                await reader.DisposeAsync();
            }
        }
    }

    [Fact]
    public async Task More_requests_than_a_pass_takes_share_several()
    {
        using var random = Requests.Model();
        var most = 0;
        var device = new WatchedDevice(random.Steps) { RunningPasses = passes => most = Math.Max(most, passes) };
        using var model = device.ToModel();
        using var engine = new LayerSkipEngine(model, options: new() { MaxConcurrentRequests = 80 });
        var requests = Enumerable.Range(0, TestedDevice.Many(70, few: 3)).ToArray();
        var expected = requests.Select(i => Requests.Alone(model, [i], Models.Autoregressive(10))).ToArray();
        using var gate = new Gate();
        await using var first = engine.Generate([1], Models.Autoregressive(1) with { LogitsProcessors = [gate] });
        gate.WaitUntilEntered();
        var all = requests.Select(i => engine.Run([i], Models.Autoregressive(10))).ToArray();
        gate.Open();
        Assert.Equal(expected, (await Task.WhenAll(all)).Select(static answer => answer.Tokens));
        Assert.Equal(Math.Min(requests.Length, random.Steps.SharedRows), most);
    }

    [Fact]
    public async Task Requests_that_draft_run_their_steps_together()
    {
        using var random = Requests.Model();
        var together = new List<int>();
        var device = new WatchedDevice(random.Steps) { RunningPasses = together.Add };
        using var model = device.ToModel();
        using var engine = new LayerSkipEngine(model);
        var options = Models.Speculative(2, 4, 20) with { IgnoreEndOfSequence = true };
        var expected = Enumerable.Range(0, 3).Select(i => Requests.Alone(model, [i], options)).ToArray();
        using var gate = new Gate();
        await using var first = engine.Generate([1], Models.Autoregressive(1) with { LogitsProcessors = [gate] });
        gate.WaitUntilEntered();
        var readers = Enumerable.Range(0, 3).Select(i => engine.Generate([i], options)).ToArray();
        gate.Open();
        await first.ReadAll();
        Assert.Equal(expected, await Task.WhenAll(readers.Select(static reader => reader.ReadAll())));

        // Rounds of a first step, and one behind each of four guesses, and of what verifies them; shorter ones where little is left to write.
        var rounds = readers.Min(static reader => reader.Statistics.Rounds);
        Assert.InRange(together.Count(static passes => passes == 3), TestedDevice.SharesPasses ? 6 * (rounds - 4) : 0, 6 * rounds);
        Assert.InRange(rounds, 6, 20);
    }

    [Theory]
    [InlineData(20)]
    [InlineData(30)]
    public void A_round_that_ends_behind_its_shared_draft_is_told_in_its_turn(int promptTokens)
    {
        using var model = Requests.Model(exitLayer: 1);
        using var turns = new TurnByTurn(model);
        var options = Models.Speculative(1, 8, 9) with { IgnoreEndOfSequence = true };
        var readers = Enumerable.Range(0, 2).Select(i => turns.Add([.. Enumerable.Range(i, promptTokens)], options)).ToArray();

        // With its draft a prompt of 30 tokens has more rows than a pass takes that is shared.
        turns.Turn();
        Assert.All(readers, static reader => Assert.True(reader.HasEnded));
        Assert.Equal(0, turns.KvBytesInUse);
    }

    [Fact]
    public async Task Reader_tells_the_end_and_the_statistics()
    {
        using var engine = new LayerSkipEngine(Requests.Model(), ownsModel: true);
        await using var reader = engine.Generate([1, 2, 3], Models.Speculative(2, 4, 30));
        Assert.Equal((DecodingMode.SelfSpeculative, 2, 4, 3), (reader.Mode, reader.ExitLayer, reader.NumSpeculations, reader.PromptTokens));
        var tokens = await reader.ReadAll();
        Assert.Equal(30, tokens.Length);
        Assert.Equal(FinishReason.MaxNewTokens, reader.FinishReason);
        Assert.Equal(30, reader.Statistics.Tokens);
        Assert.False(await reader.WaitToReadAsync());
        Assert.True(reader.Read().IsEmpty);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Prompts_of_several_prefill_passes_are_answered(bool beside)
    {
        using var model = Requests.Model();
        using var engine = new LayerSkipEngine(model);
        var prompt = Enumerable.Range(0, 700).Select(static i => i * 7 % 97).ToArray();

        // The other request makes every turn longer than the consumer's least interval between two wake-ups.
        var slow = Models.Autoregressive(2000) with { LogitsProcessors = [new Slow()] };
        await using var other = beside ? engine.Generate([1], slow) : null;
        await using var reader = engine.Generate(prompt, Models.Speculative(2, 4, 20));
        Assert.Equal(Requests.Alone(model, prompt, Models.Autoregressive(20)), await reader.ReadAll());
    }

    [Fact]
    public async Task Disposing_a_reader_ends_the_wait_for_it()
    {
        using var engine = new LayerSkipEngine(Requests.Model(), ownsModel: true);
        var reader = engine.Generate([1], Models.Autoregressive(2000) with { LogitsProcessors = [new Slow()] });
        var reading = Task.Run(async () => await reader.ReadAll());
        await reader.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => reading);
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await reader.ReadAll());
    }

    [Fact]
    public async Task Abandoning_a_request_frees_its_cache_and_the_others_go_on()
    {
        using var model = Requests.Model();
        using var engine = new LayerSkipEngine(model);
        await using var other = engine.Generate([5], Models.Autoregressive(100));
        var abandoned = engine.Generate([1], new DecodingOptions());
        Assert.True(await abandoned.WaitToReadAsync());
        await abandoned.DisposeAsync();
        await abandoned.DisposeAsync();
        Assert.Equal(Requests.Alone(model, [5], Models.Autoregressive(100)), await other.ReadAll());
        Assert.Equal((0, model.KvBytes), (engine.KvBytesInUse, engine.KvBytesIdle));
    }

    [Fact]
    public async Task Cancellation_reaches_the_reader_after_the_tokens_that_came_before()
    {
        using var model = Requests.Model();
        using var engine = new LayerSkipEngine(model);
        using var cancellation = new CancellationTokenSource();
        await using var reader = engine.Generate([1], new DecodingOptions(), cancellation.Token);
        Assert.True(await reader.WaitToReadAsync());
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await reader.ReadAll());
        Assert.Equal((0, model.KvBytes), (engine.KvBytesInUse, engine.KvBytesIdle));

        await using var late = engine.Generate([1], new DecodingOptions(), cancellation.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await late.WaitToReadAsync());
    }

    [Fact]
    public async Task A_failing_processor_ends_its_own_request_only()
    {
        using var model = Requests.Model();
        using var engine = new LayerSkipEngine(model);
        await using var failing = engine.Generate([1], Models.Autoregressive(50) with { LogitsProcessors = [new Failing()] });
        await using var healthy = engine.Generate([2], Models.Autoregressive(50));
        await Assert.ThrowsAsync<FormatException>(async () => await failing.ReadAll());
        Assert.Equal(Requests.Alone(model, [2], Models.Autoregressive(50)), await healthy.ReadAll());
    }

    [Fact]
    public async Task Disposal_ends_running_requests_and_refuses_new_ones()
    {
        var model = Requests.Model();
        var engine = new LayerSkipEngine(model, ownsModel: true);
        await using var reader = engine.Generate([1], new DecodingOptions());
        Assert.True(await reader.WaitToReadAsync());
        engine.Dispose();
        engine.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await reader.ReadAll());
        Assert.Throws<ObjectDisposedException>(() => engine.Generate([1]));
        Assert.Throws<ObjectDisposedException>(() => model.Generate([1]));
    }

    [Fact]
    public async Task A_model_disposed_too_early_ends_its_requests()
    {
        var model = Requests.Model();
        using var engine = new LayerSkipEngine(model);
        using var gate = new Gate();
        await using var first = engine.Generate([1], Models.Autoregressive(50) with { LogitsProcessors = [gate] });
        await using var second = engine.Generate([2], Models.Autoregressive(50));
        gate.WaitUntilEntered();
        model.Dispose();
        gate.Open();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => first.ReadAll());
        await Assert.ThrowsAsync<ObjectDisposedException>(() => second.ReadAll());
        await using var third = engine.Generate([3]);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => third.ReadAll());
        await Assert.ThrowsAsync<ObjectDisposedException>(() => engine.MeanHiddenStatesAsync([1], [1], 1));
        Assert.Equal((0, 0, 0), (engine.RunningRequests, engine.QueuedRequests, engine.KvBytesInUse));
    }

    [Fact]
    public async Task What_fails_between_requests_ends_them_all_and_the_engine_goes_on()
    {
        using var random = Requests.Model();
        var device = new WatchedDevice(random.Steps);
        using var model = device.ToModel();
        using var engine = new LayerSkipEngine(model);
        using var gate = new Gate();
        await using var running = engine.Generate([1], Models.Autoregressive(50) with { LogitsProcessors = [gate] });
        await using var waiting = engine.Generate([2], Models.Autoregressive(50));
        gate.WaitUntilEntered();
        var pooling = engine.MeanHiddenStatesAsync([1, 2], [2], 1);
        await using var late = engine.Generate([3], Models.Autoregressive(50));
        device.SizingCache = () => throw new FormatException("no size");
        gate.Open();
        foreach (var reader in (TokenReader[])[running, waiting, late])
        {
            await Assert.ThrowsAsync<FormatException>(() => reader.ReadAll());
        }

        await Assert.ThrowsAsync<FormatException>(() => pooling);
        device.SizingCache = null;
        Assert.Equal((0, 0, 0), (engine.RunningRequests, engine.QueuedRequests, engine.KvBytesInUse));
        Assert.Equal(Requests.Alone(model, [2], Models.Autoregressive(50)), (await engine.Run([2], Models.Autoregressive(50))).Tokens);
    }

    [Fact]
    public void Bad_requests_fail_at_once()
    {
        using var engine = new LayerSkipEngine(Requests.Model(), ownsModel: true);
        Assert.Throws<ArgumentException>(() => engine.Generate([]));
        Assert.Throws<ArgumentOutOfRangeException>(() => engine.Generate([1], new() { ExitLayer = 9 }));
    }

    [Fact]
    public async Task The_engine_wakes_after_having_slept()
    {
        using var engine = new LayerSkipEngine(Requests.Model(), ownsModel: true);
        for (var i = 0; i < 4; i++)
        {
            await using (var reader = engine.Generate([i], Models.Autoregressive(3)))
            {
                Assert.Equal(3, (await reader.ReadAll()).Length);
            }

            await Task.Delay(20); // Longer than the thread spins.
        }
    }

    private static DecodingOptions Options(int i) => i % 3 == 0
        ? Models.Autoregressive(40 + i)
        : Models.Speculative(1 + (i % 3), 1 + i, 40 + i) with { Sampling = new() { Temperature = i % 2, Seed = (ulong)i } };

    private sealed class Slow : ILogitsProcessor
    {
        public void Process(ReadOnlySpan<int> context, Span<float> logits) => Thread.Sleep(8);
    }

    private sealed class Failing : ILogitsProcessor
    {
        public void Process(ReadOnlySpan<int> context, Span<float> logits)
        {
            if (context.Length > 10)
            {
                throw new FormatException("ten is enough");
            }
        }
    }
}
