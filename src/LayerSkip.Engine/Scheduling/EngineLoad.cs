namespace LayerSkip.Engine.Scheduling;

/// <summary>Counts an engine's unfinished requests, and the bytes of its KV caches. Safe for concurrent use; takes no lock.</summary>
/// <param name="limit">Most requests unfinished at once.</param>
internal sealed class EngineLoad(long limit)
{
    private int _unfinished;
    private int _running;
    private long _kvBytesInUse;
    private long _kvBytesIdle;

    /// <summary>Requests that run.</summary>
    public int Running => Volatile.Read(ref _running);

    /// <summary>Requests that wait for their first turn, or for memory to go on.</summary>
    public int Waiting
    {
        get
        {
            // Two reads of moving numbers: between them a request may have come and been admitted.
            var unfinished = Volatile.Read(ref _unfinished);
            return Math.Max(0, unfinished - Running);
        }
    }

    /// <summary>Bytes of the running requests' KV caches.</summary>
    public long KvBytesInUse => Interlocked.Read(ref _kvBytesInUse);

    /// <summary>Bytes of the KV caches that are kept for later requests.</summary>
    public long KvBytesIdle => Interlocked.Read(ref _kvBytesIdle);

    /// <summary>Whether there are as many unfinished ones as there may be.</summary>
    public bool IsFull => Volatile.Read(ref _unfinished) >= limit;

    /// <summary>Counts a request in, as one that waits.</summary>
    /// <returns>False where there are too many.</returns>
    public bool TryEnter()
    {
        var unfinished = Volatile.Read(ref _unfinished);
        while (unfinished < limit)
        {
            var seen = Interlocked.CompareExchange(ref _unfinished, unfinished + 1, unfinished);
            if (seen == unfinished)
            {
                return true;
            }

            unfinished = seen;
        }

        return false;
    }

    /// <summary>A request that waited runs.</summary>
    public void Run() => Interlocked.Increment(ref _running);

    /// <summary>A request that ran waits again.</summary>
    public void Suspend() => Interlocked.Decrement(ref _running);

    /// <summary>A request that waits has ended.</summary>
    public void Leave() => Interlocked.Decrement(ref _unfinished);

    /// <summary>The caches of running requests have grown, or become fewer.</summary>
    public void AddKvBytesInUse(long bytes) => Interlocked.Add(ref _kvBytesInUse, bytes);

    /// <summary>Caches are kept for later requests, or are no more.</summary>
    public void AddKvBytesIdle(long bytes) => Interlocked.Add(ref _kvBytesIdle, bytes);
}
