namespace LayerSkip.Engine.Devices.Cpu.Jobs;

/// <summary>Causal attention of many rows; a chunk is a key/value head of a set of rows.</summary>
internal sealed class AttentionJob(RowAttention attention, int keyValueHeads) : ParallelJob
{
    /// <summary>Below this many multiply-adds, handing work to other threads costs more than doing it.</summary>
    private const long SerialWork = 32 * 1024;

    private int _layer;

    /// <summary>Attends from each row to positions 0 .. its own of its cache, in one layer.</summary>
    /// <param name="pool">Threads to use.</param>
    /// <param name="rows">Slots, whose caches hold the layer's keys and values up to each row's position.</param>
    /// <param name="start">First slot.</param>
    /// <param name="layer">Layer.</param>
    /// <param name="qkv">[rows, queries | keys | values], queries rotated.</param>
    /// <param name="output">[rows, heads · headDimension].</param>
    public void Run(ComputePool pool, CpuRows rows, int start, int layer, in RowsView qkv, in RowsView output)
    {
        _layer = layer;
        attention.Place(pool.Threads, pool.Threads, rows, start, qkv, output);
        var chunks = attention.Sets * keyValueHeads;
        if (attention.Work < SerialWork)
        {
            for (var chunk = 0; chunk < chunks; chunk++)
            {
                Run(chunk, 0);
            }
        }
        else
        {
            pool.Run(this, chunks);
        }
    }

    public override void Run(int chunk, int worker)
    {
        var (set, head) = Math.DivRem(chunk, keyValueHeads);
        attention.Attend(set, head, _layer, worker, from: 0, to: int.MaxValue);
    }
}
