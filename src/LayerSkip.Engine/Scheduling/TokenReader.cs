using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Threading.Tasks.Sources;
using LayerSkip.Engine.Decoding;

namespace LayerSkip.Engine.Scheduling;

/// <summary>The verified tokens of one request, as the engine's thread decodes them. Read by one consumer at a time.</summary>
/// <remarks>Disposing it ends the request and frees its KV cache, wherever it stands.</remarks>
public sealed class TokenReader : IAsyncDisposable, IValueTaskSource<bool>
{
    /// <summary>
    /// Least time between two wake-ups of the consumer. Each takes a processor from the computing threads for a moment, which a small
    /// model's rounds of a fraction of a millisecond would feel; nobody reads faster than this.
    /// </summary>
    private static readonly long s_signalTicks = Stopwatch.Frequency / 200;

    private readonly Generation _generation;
    private readonly CancellationToken _cancellation;
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Continuations never run on the engine's thread.
    private ManualResetValueTaskSourceCore<bool> _signal = new() { RunContinuationsAsynchronously = true };
    private ExceptionDispatchInfo? _error;
    private int _available;
    private int _read;
    private int _waiting;
    private long _lastSignal = Stopwatch.GetTimestamp();
    private volatile bool _ended;
    private volatile bool _abandoned;

    internal TokenReader(Generation generation, CancellationToken cancellation)
    {
        _generation = generation;
        _cancellation = cancellation;
        (Mode, ExitLayer, NumSpeculations) = (generation.Mode, generation.ExitLayer, generation.NumSpeculations);
        PromptTokens = generation.PromptTokens;
    }

    /// <summary>Tokens of the prompt.</summary>
    public int PromptTokens { get; }

    /// <summary>How tokens are decoded.</summary>
    public DecodingMode Mode { get; }

    /// <summary>Layers the draft runs (those of the exit in <see cref="DecodingMode.EarlyExit"/>), or the model's depth.</summary>
    public int ExitLayer { get; }

    /// <summary>Most tokens drafted in a round; 0 where nothing is drafted.</summary>
    public int NumSpeculations { get; }

    /// <summary>
    /// Why the generation ended; valid once <see cref="WaitToReadAsync"/> has returned false or <see cref="DisposeAsync"/> has
    /// completed, and <see cref="FinishReason.None"/> where the latter cut it short.
    /// </summary>
    public FinishReason FinishReason { get; private set; }

    /// <summary>Counts and times; valid once <see cref="WaitToReadAsync"/> has returned false or <see cref="DisposeAsync"/> has completed.</summary>
    public GenerationStatistics Statistics { get; private set; }

    /// <summary>Waits until there are tokens to read.</summary>
    /// <returns>True if there are; false once all have been read and the generation has ended.</returns>
    /// <exception cref="OperationCanceledException">The request's token was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The reader or the engine was disposed meanwhile.</exception>
    /// <exception cref="InvalidOperationException">No token could be chosen: logits processors banned them all.</exception>
    public ValueTask<bool> WaitToReadAsync()
    {
        if (HasNews())
        {
            return ValueTask.FromResult(Settle());
        }

        _signal.Reset();
        Interlocked.Exchange(ref _waiting, 1);

        // News that came before the flag stood are seen here; if the engine has taken the flag, it completes the signal.
        return HasNews() && Interlocked.Exchange(ref _waiting, 0) == 1
            ? ValueTask.FromResult(Settle())
            : new ValueTask<bool>(this, _signal.Version);
    }

    /// <summary>The tokens that have come since the last call; empty if none have.</summary>
    public ReadOnlySpan<int> Read()
    {
        var available = Volatile.Read(ref _available);
        var tokens = _generation.Final(_read, available - _read);
        _read = available;
        return tokens;
    }

    /// <summary>Ends the request if it has not ended; completes when its KV cache has been freed.</summary>
    public async ValueTask DisposeAsync()
    {
        _abandoned = true;
        await _released.Task.ConfigureAwait(false);
    }

    bool IValueTaskSource<bool>.GetResult(short token)
    {
        _signal.GetResult(token);
        return Settle();
    }

    ValueTaskSourceStatus IValueTaskSource<bool>.GetStatus(short token) => _signal.GetStatus(token);

    void IValueTaskSource<bool>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _signal.OnCompleted(continuation, state, token, flags);

    /// <summary>Runs the request's next round on the engine's thread.</summary>
    /// <param name="alone">Whether no other request is running, so that the consumer may be woken later with more.</param>
    /// <returns>Whether it goes on.</returns>
    internal bool Step(bool alone)
    {
        if (_abandoned)
        {
            End(new ObjectDisposedException(nameof(TokenReader)));
            return false;
        }

        try
        {
            _cancellation.ThrowIfCancellationRequested();
            _generation.NextRound(_cancellation);
        }
#pragma warning disable CA1031 // Whatever went wrong belongs to this request alone: its consumer gets it, the others go on.
        catch (Exception e)
#pragma warning restore CA1031
        {
            End(e);
            return false;
        }

        if (_generation.FinishReason != FinishReason.None)
        {
            End(null);
            return false;
        }

        // A piece of a long prompt brings no tokens, and to be woken without any would tell the consumer of the end.
        var available = _generation.Output.Length;
        var now = Stopwatch.GetTimestamp();
        if (available > _available && (!alone || now - _lastSignal >= s_signalTicks))
        {
            _lastSignal = now;
            Volatile.Write(ref _available, available);
            Signal();
        }

        return true;
    }

    /// <summary>Ends the request from the engine's side.</summary>
    internal void End(Exception? error)
    {
        _error = error is null ? null : ExceptionDispatchInfo.Capture(error);
        Volatile.Write(ref _available, _generation.Output.Length);
        Release();
        _ended = true;
        Signal();
    }

    private void Release()
    {
        FinishReason = _generation.FinishReason;
        Statistics = _generation.Statistics;
        _generation.Dispose();
        _released.TrySetResult();
    }

    private void Signal()
    {
        if (Interlocked.Exchange(ref _waiting, 0) == 1)
        {
            _signal.SetResult(true);
        }
    }

    private bool HasNews() => _ended || Volatile.Read(ref _available) > _read;

    private bool Settle()
    {
        if (Volatile.Read(ref _available) > _read)
        {
            return true;
        }

        if (_ended)
        {
            _error?.Throw();
        }

        return false;
    }
}
