using LayerSkip.Engine.Cuda.Driver;

namespace LayerSkip.Engine.Cuda.Memory;

/// <summary>Memory of row buffers, pooled by their number of slots, so that a request's end costs the next one no wait.</summary>
/// <remarks>Used under the model's gate, but for what a pool allows at any time.</remarks>
internal sealed class RowPools(CudaContext context, Geometry geometry)
{
    private const int SlotStep = 64;
    private const int PiecesPerSlab = 4;

    private readonly Dictionary<int, SlabPool> _pools = [];

    /// <summary>Slots of the buffer that serves a capacity: few sizes, so that one request's buffer suits another's.</summary>
    public static int Slots(int capacity) => Geometry.Up(capacity, SlotStep);

    /// <summary>The buffers of a number of slots, which all have the same layout.</summary>
    public SlabPool Of(int slots)
    {
        if (!_pools.TryGetValue(slots, out var pool))
        {
            _pools.Add(slots, pool = new SlabPool(context, CudaRows.BytesOf(geometry, slots), PiecesPerSlab));
        }

        return pool;
    }

    /// <summary>Frees what nothing is used of.</summary>
    /// <returns>Whether there was anything.</returns>
    public bool Trim()
    {
        var frees = false;
        foreach (var pool in _pools.Values)
        {
            frees |= pool.Trim();
        }

        return frees;
    }
}
