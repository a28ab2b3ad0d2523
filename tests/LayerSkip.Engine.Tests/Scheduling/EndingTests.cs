using LayerSkip.Engine.Scheduling;
using LayerSkip.Engine.Tests.Devices;

namespace LayerSkip.Engine.Tests.Scheduling;

/// <summary>What ends requests reaches the steps that run, and disturbs nobody else.</summary>
public class EndingTests
{
    private static readonly int[] s_prompt = [.. Enumerable.Range(0, 700).Select(static i => i * 7 % 97)];

    [Theory]
    [InlineData("the reader is disposed")]
    [InlineData("the request is cancelled")]
    [InlineData("the engine is disposed")]
    public async Task A_request_ends_in_the_midst_of_its_prompt_when(string what)
    {
        using var random = Requests.Model();
        using var step = new LongStep();
        var device = new WatchedDevice(random.Steps) { RunningLayers = step.Run };
        using var model = device.ToModel();
        using var engine = new LayerSkipEngine(model);
        using var cancellation = new CancellationTokenSource();
        await using var reader = engine.Generate(s_prompt, Models.Autoregressive(5), cancellation.Token);
        step.WaitUntilEntered();
        await using var other = engine.Generate([5], Models.Autoregressive(50));
        switch (what)
        {
            case "the reader is disposed":
                await reader.DisposeAsync();
                Assert.Equal(nameof(TokenReader), (await Assert.ThrowsAsync<ObjectDisposedException>(() => reader.ReadAll())).ObjectName);
                break;
            case "the request is cancelled":
                await cancellation.CancelAsync();
                Assert.Equal(cancellation.Token, (await Assert.ThrowsAsync<OperationCanceledException>(() => reader.ReadAll())).CancellationToken);
                break;
            default:
                engine.Dispose();
                Assert.Equal(nameof(LayerSkipEngine), (await Assert.ThrowsAsync<ObjectDisposedException>(() => reader.ReadAll())).ObjectName);
                await Assert.ThrowsAsync<ObjectDisposedException>(() => other.ReadAll());
                Assert.True(step.WasEnded);
                return;
        }

        Assert.True(step.WasEnded);
        Assert.Equal(Requests.Alone(random, [5], Models.Autoregressive(50)), await other.ReadAll());
        Assert.Equal((0, 0, 0), (engine.RunningRequests, engine.QueuedRequests, engine.KvBytesInUse));
    }

    [Fact]
    public async Task Disposal_of_the_engine_ends_a_pass_for_hidden_states()
    {
        using var random = Requests.Model();
        using var step = new LongStep();
        var device = new WatchedDevice(random.Steps) { RunningLayers = step.Run };
        using var model = device.ToModel();
        using var engine = new LayerSkipEngine(model);
        var pooling = engine.MeanHiddenStatesAsync(s_prompt, [s_prompt.Length], 2, TestContext.Current.CancellationToken);
        step.WaitUntilEntered();
        engine.Dispose();
        Assert.True(step.WasEnded);
        Assert.Equal(nameof(LayerSkipEngine), (await Assert.ThrowsAsync<ObjectDisposedException>(() => pooling)).ObjectName);
        Assert.Equal((0, 0, 0L), (engine.RunningRequests, engine.KvBytesInUse, random.KvBytes));
    }

    [Fact]
    public async Task A_request_that_is_left_while_it_shares_a_pass_ends_behind_it_and_the_others_go_on()
    {
        using var random = Requests.Model();
        Task? leaving = null;
        var readers = new TokenReader[3];
        using var model = new WatchedDevice(random.Steps) { RunningPasses = _ => leaving ??= readers[1].DisposeAsync().AsTask() }.ToModel();
        using var turns = new TurnByTurn(model);
        var options = Models.Speculative(2, 4, 30) with { IgnoreEndOfSequence = true };
        for (var i = 0; i < readers.Length; i++)
        {
            readers[i] = turns.Add([i], options);
        }

        turns.Turn();
        Assert.Equal(TestedDevice.SharesPasses, readers[1].HasEnded);
        Assert.Equal(TestedDevice.SharesPasses, leaving?.IsCompletedSuccessfully == true);
        turns.RunToEnd();
        Assert.All([0, 2], i => Assert.Equal(Requests.Alone(random, [i], options), readers[i].Generation.Output.ToArray()));
        Assert.Equal(0, turns.KvBytesInUse);
        await (leaving ?? Task.CompletedTask);
    }

    /// <summary>A step that lasts until it is ended, or for ten seconds.</summary>
    private sealed class LongStep : IDisposable
    {
        private readonly ManualResetEventSlim _entered = new();

        public bool WasEnded { get; private set; }

        public void Run(CancellationToken cancellationToken)
        {
            if (!_entered.IsSet)
            {
                _entered.Set();
                WasEnded = cancellationToken.WaitHandle.WaitOne(10_000);
            }
        }

        /// <summary>Waits until it has begun.</summary>
        public void WaitUntilEntered() => _entered.Wait(TestContext.Current.CancellationToken);

        public void Dispose() => _entered.Dispose();
    }
}
