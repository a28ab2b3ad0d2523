using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu.Jobs;

/// <summary>Causal attention; a chunk is one row and one key/value head with its group of query heads.</summary>
internal sealed unsafe class AttentionJob(CpuModel model) : ParallelJob, IDisposable
{
    /// <summary>Below this many multiply-adds, handing work to other threads costs more than doing it.</summary>
    private const long SerialWork = 32 * 1024;

    private readonly int _headDimension = model.Config.HeadDimension;
    private readonly int _paddedDimension = Attention.PaddedDimension(model.Config.HeadDimension);
    private readonly int _keyValueHeads = model.Config.KeyValueHeads;
    private readonly int _group = model.Config.AttentionHeads / model.Config.KeyValueHeads;
    private readonly float _scale = 1 / MathF.Sqrt(model.Config.HeadDimension);
    private NativeBuffer? _scratch;
    private int _scratchFloats;
    private CpuRows? _rows;
    private int _start;
    private int _layer;
    private RowsView _qkv;
    private RowsView _output;

    /// <summary>Attends from each row to positions 0 .. its own of its cache, in one layer.</summary>
    /// <param name="pool">Threads to use.</param>
    /// <param name="rows">Slots, whose caches hold the layer's keys and values up to each row's position.</param>
    /// <param name="start">First slot.</param>
    /// <param name="layer">Layer.</param>
    /// <param name="qkv">[rows, queries | keys | values], queries rotated.</param>
    /// <param name="output">[rows, heads · headDimension].</param>
    public void Run(ComputePool pool, CpuRows rows, int start, int layer, in RowsView qkv, in RowsView output)
    {
        (_rows, _start, _layer, _qkv, _output) = (rows, start, layer, qkv, output);
        long positions = 0;
        var longest = 0;
        for (var row = 0; row < qkv.Count; row++)
        {
            positions += rows.Position(start + row) + 1;
            longest = Math.Max(longest, rows.Position(start + row) + 1);
        }

        ReserveScratch(pool.Threads, longest);
        var chunks = qkv.Count * _keyValueHeads;
        if (positions * model.Config.AttentionHeads * _headDimension * 2 < SerialWork)
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
        var (row, head) = Math.DivRem(chunk, _keyValueHeads);
        var rows = _rows!;
        var cache = rows.Cache(_start + row);
        var count = rows.Position(_start + row) + 1;
        var scores = _scratch!.Floats + ((nint)worker * _scratchFloats);
        var sum = scores + (_scratchFloats - _paddedDimension);
        for (var member = 0; member < _group; member++)
        {
            var offset = ((head * _group) + member) * _headDimension;
            for (int block = 0, p = 0; p < count; block++, p += Attention.BlockPositions)
            {
                Attention.Scores(_qkv[row] + offset, cache.Keys(block, _layer, head), _headDimension, _scale, scores + p);
            }

            var total = Attention.Exponentiate(scores, count);
            new Span<float>(sum, _paddedDimension).Clear();
            for (int block = 0, p = 0; p < count; block++, p += Attention.BlockPositions)
            {
                var values = cache.Values(block, _layer, head);
                Attention.Accumulate(scores + p, Math.Min(Attention.BlockPositions, count - p), values, _paddedDimension, sum);
            }

            var output = _output[row] + offset;
            var factor = 1 / total;
            for (var d = 0; d < _headDimension; d++)
            {
                output[d] = sum[d] * factor;
            }
        }
    }

    public void Dispose() => _scratch?.Dispose();

    /// <summary>Gives each thread room for a row's scores (whole blocks) and one head's output.</summary>
    private void ReserveScratch(int threads, int positions)
    {
        var floats = ((positions + Attention.BlockPositions - 1) / Attention.BlockPositions * Attention.BlockPositions) + _paddedDimension;
        if (floats <= _scratchFloats)
        {
            return;
        }

        // Doubled, so that a growing context does not reallocate at each block.
        floats = Math.Max(floats, Math.Min(2 * _scratchFloats, model.Config.MaxPositions + Attention.BlockPositions + _paddedDimension));
        floats = (floats + 15) / 16 * 16;
        var scratch = new NativeBuffer((long)threads * floats * sizeof(float));
        _scratch?.Dispose();
        (_scratch, _scratchFloats) = (scratch, floats);
    }
}
