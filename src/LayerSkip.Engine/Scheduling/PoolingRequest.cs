using LayerSkip.Engine.Decoding;

namespace LayerSkip.Engine.Scheduling;

/// <summary>A request for hidden states, one pass of which is run between the turns of those that decode.</summary>
internal sealed class PoolingRequest
{
    private const int Waiting = 0;
    private const int Taken = 1;
    private const int Ended = 2;

    private readonly EngineLoad _load;
    private readonly Func<MeanPooling> _start;
    private readonly bool _countsOut;
    private readonly CancellationToken _cancellation;
    private readonly CancellationToken _engineStops;
    private readonly CancellationTokenRegistration _registration;

    // Continuations never run on the engine's thread.
    private readonly TaskCompletionSource<float[]> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Of both tokens; used by the engine's thread alone.
    private CancellationTokenSource? _ending;
    private MeanPooling? _pooling;
    private int _state = Waiting;

    /// <param name="load">Has counted the request in.</param>
    /// <param name="kvBytes">Most bytes of its KV caches.</param>
    /// <param name="start">Starts it on the engine's thread.</param>
    /// <param name="countsOut">Whether its end counts it out; false for a piece of a larger request, which is counted out as a whole.</param>
    /// <param name="cancellationToken">Ends it at once while it waits, and between layers later.</param>
    /// <param name="engineStops">Ends its passes between layers.</param>
    public PoolingRequest(EngineLoad load, long kvBytes, Func<MeanPooling> start, bool countsOut, CancellationToken cancellationToken, CancellationToken engineStops)
    {
        (_load, KvBytes, _start, _countsOut, _cancellation, _engineStops) = (load, kvBytes, start, countsOut, cancellationToken, engineStops);
        _registration = cancellationToken.UnsafeRegister(static (state, _) => ((PoolingRequest)state!).Cancel(), this);
    }

    /// <summary>Most bytes of its KV caches; what it counts for as long as it runs.</summary>
    public long KvBytes { get; }

    /// <summary>Whether the request has ended; it may have done so while it waited.</summary>
    public bool HasEnded => Volatile.Read(ref _state) == Ended;

    /// <summary>The means, once all passes have run.</summary>
    public Task<float[]> Completion => _completion.Task;

    /// <summary>Begins the request on the engine's thread; there is memory for it.</summary>
    /// <returns>Whether it runs now; false where it has ended.</returns>
    public bool Begin()
    {
        if (Interlocked.CompareExchange(ref _state, Taken, Waiting) != Waiting)
        {
            return false;
        }

        _load.Run();
        _load.AddKvBytesInUse(KvBytes);
        _ending = CancellationTokenSource.CreateLinkedTokenSource(_cancellation, _engineStops);
        return true;
    }

    /// <summary>Runs the next pass on the engine's thread.</summary>
    /// <returns>Whether it goes on.</returns>
    public bool Step()
    {
        try
        {
            _ending!.Token.ThrowIfCancellationRequested();
            _pooling ??= _start();
            if (_pooling.NextPass(_ending.Token))
            {
                return true;
            }

            Release();
            _completion.TrySetResult(_pooling.Means);
        }
#pragma warning disable CA1031 // Whatever went wrong belongs to this request alone: its caller gets it, the others go on.
        catch (Exception e)
#pragma warning restore CA1031
        {
            End(e);
        }

        return false;
    }

    /// <summary>Ends the request on the engine's thread, whether or not it has begun.</summary>
    public void End(Exception error)
    {
        if (EndWaiting() || Release())
        {
            Fail(error);
        }
    }

    /// <summary>On any thread. Where it runs, its caller need not wait for the layer's end.</summary>
    private void Cancel()
    {
        EndWaiting();
        _completion.TrySetCanceled(_cancellation);
    }

    /// <summary>Ends the request on any thread, unless the engine has begun it. It is counted out before its caller is told, who may ask again at once.</summary>
    private bool EndWaiting()
    {
        var ends = Interlocked.CompareExchange(ref _state, Ended, Waiting) == Waiting;
        if (ends)
        {
            _registration.Unregister();
            CountOut();
        }

        return ends;
    }

    /// <summary>Gives back what the running request holds, and counts it out.</summary>
    private bool Release()
    {
        var ends = Interlocked.CompareExchange(ref _state, Ended, Taken) == Taken;
        if (ends)
        {
            _registration.Unregister();
            _pooling?.Dispose();
            _ending?.Dispose();
            _load.AddKvBytesInUse(-KvBytes);
            _load.Suspend();
            CountOut();
        }

        return ends;
    }

    private void CountOut()
    {
        if (_countsOut)
        {
            _load.Leave();
        }
    }

    private void Fail(Exception error)
    {
        if (error is OperationCanceledException && _cancellation.IsCancellationRequested)
        {
            _completion.TrySetCanceled(_cancellation);
        }
        else
        {
            var stops = error is OperationCanceledException && _engineStops.IsCancellationRequested;
            _completion.TrySetException(stops ? new ObjectDisposedException(nameof(LayerSkipEngine)) : error);
        }
    }
}
