namespace LayerSkip.Engine.Scheduling;

/// <summary>Requests for hidden states. They run one after the other, each as soon as there is memory for all of it. Used by the engine's thread alone.</summary>
/// <param name="memory">Of the engine.</param>
/// <param name="maxUnfinished">Most requests that have not ended.</param>
internal sealed class PoolingQueue(KvMemory memory, long maxUnfinished)
{
    private PoolingRequest? _running;
    private Queue<PoolingRequest> _waiting = new();

    /// <summary>Whether there is nothing to do.</summary>
    public bool IsIdle => _running is null && _waiting.Count == 0;

    /// <summary>Whether a request runs: it will give its memory back, whatever the others do.</summary>
    public bool Runs => _running is not null;

    /// <summary>
    /// Bytes of KV caches that no decoding request is to take on beginning: those of the request that runs, or of one that found no room in
    /// its turn. Otherwise a stream of short requests could keep it waiting for ever.
    /// </summary>
    public long Bytes { get; private set; }

    /// <summary>Takes a request on, to begin after those that came before.</summary>
    public void Add(PoolingRequest request)
    {
        // They may end while they wait, but leave the queue only here and in their turn. It must not grow with them.
        if (_waiting.Count >= maxUnfinished)
        {
            _waiting = new(_waiting.Where(static waiting => !waiting.HasEnded));
        }

        _waiting.Enqueue(request);
    }

    /// <summary>One pass of the request whose turn it is.</summary>
    public void Turn()
    {
        _running ??= Next();
        if (_running is not null && !_running.Step())
        {
            _running = null;
            Bytes = 0;
        }
    }

    /// <summary>Ends all requests.</summary>
    public void End(Exception error)
    {
        _running?.End(error);
        foreach (var request in _waiting)
        {
            request.End(error);
        }

        _running = null;
        _waiting.Clear();
        Bytes = 0;
    }

    private PoolingRequest? Next()
    {
        while (_waiting.TryPeek(out var next))
        {
            if (!next.HasEnded)
            {
                Bytes = next.KvBytes;
                if (!memory.TryFree(next.KvBytes))
                {
                    return null;
                }
            }

            _waiting.Dequeue();
            if (next.Begin())
            {
                return next;
            }
        }

        Bytes = 0;
        return null;
    }
}
