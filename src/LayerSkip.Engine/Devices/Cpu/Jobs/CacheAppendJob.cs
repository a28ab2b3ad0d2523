using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu.Jobs;

/// <summary>Rotates every row's queries and keys, and appends its keys and values to its cache.</summary>
internal sealed class CacheAppendJob(ModelConfig config) : RowJob
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
        var rows = _rows!;
        var slot = _start + chunk;
        var size = config.HeadDimension;
        var (queryHeads, keyHeads) = (config.AttentionHeads, config.KeyValueHeads);
        var row = _qkv.Row(chunk, (queryHeads + (2 * keyHeads)) * size);
        for (var head = 0; head < queryHeads + keyHeads; head++)
        {
            Rope.Rotate(row.Slice(head * size, size), rows.Cosines(slot), rows.Sines(slot));
        }

        var cache = rows.Cache(slot);
        for (var head = 0; head < keyHeads; head++)
        {
            var key = row.Slice((queryHeads + head) * size, size);
            var value = row.Slice((queryHeads + keyHeads + head) * size, size);
            cache.Write(_layer, head, rows.Position(slot), key, value);
        }
    }
}
