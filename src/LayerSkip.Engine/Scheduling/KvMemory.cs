using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Scheduling;

/// <summary>The memory of an engine's KV caches, those of running requests and idle ones, within one budget. Used by the engine's thread alone.</summary>
internal sealed class KvMemory(LayerSkipModel model, KvCacheBudgets budgets, EngineLoad load) : IDisposable
{
    /// <summary>Most bytes of all caches.</summary>
    public long Budget => budgets.Total;

    /// <summary>Those of ended requests.</summary>
    public IdleCaches Idle { get; } = new(budgets.Idle, load);

    /// <summary>Frees idle caches until the running requests' may grow.</summary>
    /// <param name="bytes">By how much they are to grow.</param>
    /// <param name="spared">An idle cache that must stay.</param>
    /// <returns>False where even without idle caches there is not enough.</returns>
    public bool TryFree(long bytes, CachedSequence? spared = null)
    {
        if (load.KvBytesInUse + (spared?.Cache.Bytes ?? 0) + bytes > Budget)
        {
            // Nothing goes in vain.
            return false;
        }

        while (load.KvBytesInUse + load.KvBytesIdle + bytes > Budget && Idle.EvictOldest(spared))
        {
        }

        return true;
    }

    /// <summary>Makes room in a cache, within the budget. Idle caches go, too, where the machine has less memory than the budget says.</summary>
    /// <returns>False where the budget is reached.</returns>
    /// <exception cref="OutOfMemoryException">The machine has not that much memory.</exception>
    public bool TryReserve(KvCache cache, int positions)
    {
        if (positions <= cache.Capacity)
        {
            return true;
        }

        if (!TryFree(model.KvBytesOf(positions) - cache.Bytes))
        {
            return false;
        }

        while (true)
        {
            try
            {
                cache.Reserve(positions);
                return true;
            }
            catch (OutOfMemoryException) when (Idle.EvictOldest())
            {
                // Once more, with what that cache held.
            }
        }
    }

    public void Dispose() => Idle.Dispose();
}
