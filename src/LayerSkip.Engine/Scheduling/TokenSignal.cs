using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Threading.Tasks.Sources;

namespace LayerSkip.Engine.Scheduling;

/// <summary>How many tokens of a request there are, from the engine's thread to one consumer, who is woken when some have come or none will any more.</summary>
/// <remarks>Takes no lock; waiting allocates nothing.</remarks>
internal sealed class TokenSignal : IValueTaskSource<bool>
{
    /// <summary>
    /// Least time between two wake-ups of the consumer. Each takes a processor from the computing threads for a moment, which a small
    /// model's rounds of a fraction of a millisecond would feel; nobody reads faster than this.
    /// </summary>
    private static readonly long s_signalTicks = Stopwatch.Frequency / 200;

    // Continuations never run on the engine's thread.
    private ManualResetValueTaskSourceCore<bool> _source = new() { RunContinuationsAsynchronously = true };
    private ExceptionDispatchInfo? _error;
    private int _available;
    private int _waiting;
    private long _lastSignal = Stopwatch.GetTimestamp();
    private volatile bool _ended;

    /// <summary>Tokens that the consumer has taken.</summary>
    public int Taken { get; private set; }

    /// <summary>Waits for tokens: the consumer's.</summary>
    /// <returns>True if there are; false once all have been taken and no more will come. The error that ended them is thrown.</returns>
    public ValueTask<bool> WaitAsync()
    {
        if (HasNews())
        {
            return ValueTask.FromResult(Settle());
        }

        _source.Reset();
        Interlocked.Exchange(ref _waiting, 1);

        // News that came before the flag stood are seen here; if the engine has taken the flag, it completes the signal.
        return HasNews() && Interlocked.Exchange(ref _waiting, 0) == 1
            ? ValueTask.FromResult(Settle())
            : new ValueTask<bool>(this, _source.Version);
    }

    /// <summary>Takes the tokens that have come: the consumer's.</summary>
    public (int First, int Count) Take()
    {
        var taken = (Taken, Volatile.Read(ref _available) - Taken);
        Taken += taken.Item2;
        return taken;
    }

    /// <summary>There are so many tokens: the engine's.</summary>
    /// <param name="available">Tokens in all.</param>
    /// <param name="soon">Whether the consumer is to be told at once; else it may be later, of more.</param>
    public void Publish(int available, bool soon)
    {
        // A piece of a long prompt brings no tokens.
        var now = Stopwatch.GetTimestamp();
        if (available > _available && (soon || now - _lastSignal >= s_signalTicks))
        {
            _lastSignal = now;
            Prepare(available);
            Signal();
        }
    }

    /// <summary>There are so many tokens, of which the consumer will be told with the end: the engine's.</summary>
    public void Prepare(int available) => Volatile.Write(ref _available, available);

    /// <summary>No more tokens will come: the engine's, once.</summary>
    /// <param name="error">What ended them; null: they are complete.</param>
    public void End(Exception? error)
    {
        _error = error is null ? null : ExceptionDispatchInfo.Capture(error);
        _ended = true;
        Signal();
    }

    bool IValueTaskSource<bool>.GetResult(short token)
    {
        _source.GetResult(token);
        return Settle();
    }

    ValueTaskSourceStatus IValueTaskSource<bool>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<bool>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    /// <summary>Wakes the consumer, if it waits and there is something to be told: the engine's.</summary>
    internal void Signal()
    {
        if (Interlocked.Exchange(ref _waiting, 0) == 0)
        {
            return;
        }

        if (HasNews())
        {
            _source.SetResult(true);
            return;
        }

        // It took these tokens before it began to wait, and to be woken without any would tell it of the end. While it waits it takes none.
        Interlocked.Exchange(ref _waiting, 1);
    }

    private bool HasNews() => _ended || Volatile.Read(ref _available) > Taken;

    private bool Settle()
    {
        if (Volatile.Read(ref _available) > Taken)
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
