using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>Rotates a row's queries and keys, and appends its keys and values to its cache.</summary>
/// <param name="config">The model's shape.</param>
internal sealed class CacheAppend(ModelConfig config)
{
    private readonly int _size = config.HeadDimension;
    private readonly int _queryHeads = config.AttentionHeads;
    private readonly int _keyHeads = config.KeyValueHeads;
    private readonly int _group = config.AttentionHeads / config.KeyValueHeads;

    /// <summary>One key/value head, and the query heads that attend to it.</summary>
    /// <param name="rows">Slots, placed.</param>
    /// <param name="slot">The row's.</param>
    /// <param name="layer">Layer.</param>
    /// <param name="head">Key/value head.</param>
    /// <param name="row">Queries | keys | values, rotated in place.</param>
    public void Run(CpuRows rows, int slot, int layer, int head, Span<float> row)
    {
        var cosines = rows.Cosines(slot);
        var sines = rows.Sines(slot);
        for (var query = head * _group; query < (head + 1) * _group; query++)
        {
            Rope.Rotate(row.Slice(query * _size, _size), cosines, sines);
        }

        var key = row.Slice((_queryHeads + head) * _size, _size);
        Rope.Rotate(key, cosines, sines);
        rows.Cache(slot).Write(layer, head, rows.Position(slot), key, row.Slice((_queryHeads + _keyHeads + head) * _size, _size));
    }
}
