namespace LayerSkip.Engine.Scheduling;

/// <summary>The memory of an engine's KV caches: what its options say, completed for the model and the machine.</summary>
/// <param name="Total">Most bytes of all caches.</param>
/// <param name="Idle">Of these, most bytes of idle ones; 0 where nothing is reused.</param>
internal readonly record struct KvCacheBudgets(long Total, long Idle)
{
    public static KvCacheBudgets Of(LayerSkipModel model, EngineOptions options)
    {
        var memory = model.Steps.MemoryBytes ?? AvailableBytes();

        // A garbage collector that may use a part of the memory alone does not know of the rest, where the weights may well lie.
        var total = options.KvCacheBudget ?? Math.Max(memory - model.WeightBytes, memory / 4) / 2;
        var contexts = model.KvBytesOf(model.Config.MaxPositions) * (double)options.MaxConcurrentRequests;
        var idle = options.IdleKvCacheBudget ?? (long)Math.Min(total / 4, contexts);
        return new(total, Math.Min(idle, total));
    }

    /// <summary>The machine's memory, or the container's share of it.</summary>
    private static long AvailableBytes() => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
}
