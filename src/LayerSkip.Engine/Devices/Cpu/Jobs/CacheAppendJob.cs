namespace LayerSkip.Engine.Devices.Cpu.Jobs;

/// <summary>Rotates every row's queries and keys, and appends its keys and values to its cache.</summary>
/// <param name="append">Of one head.</param>
/// <param name="keyValueHeads">How many there are.</param>
internal sealed class CacheAppendJob(CacheAppend append, int keyValueHeads) : RowJob
{
    private CpuRows? _rows;
    private int _start;
    private int _layer;
    private RowsView _qkv;

    /// <param name="pool">Threads to use.</param>
    /// <param name="rows">Slots, placed.</param>
    /// <param name="start">First slot.</param>
    /// <param name="layer">Layer.</param>
    /// <param name="qkv">[rows, queries | keys | values], rotated in place.</param>
    public void Run(ComputePool pool, CpuRows rows, int start, int layer, in RowsView qkv)
    {
        (_rows, _start, _layer, _qkv) = (rows, start, layer, qkv);
        RunRows(pool, qkv.Count);
    }

    public override void Run(int chunk, int worker)
    {
        var row = _qkv.Row(chunk, _qkv.Stride);
        for (var head = 0; head < keyValueHeads; head++)
        {
            append.Run(_rows!, _start + chunk, _layer, head, row);
        }
    }
}
