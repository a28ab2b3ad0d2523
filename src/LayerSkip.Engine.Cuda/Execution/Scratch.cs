using LayerSkip.Engine.Cuda.Driver;

namespace LayerSkip.Engine.Cuda.Execution;

/// <summary>Device memory for what a pass computes on its way; grows by need, twofold, so that a sequence that grows token by token seldom waits for it.</summary>
internal sealed class Scratch(CudaContext context, Geometry geometry)
{
    /// <summary>Most rows of a pass that runs the kernels for few rows; above, attention needs no partial results.</summary>
    public const int FewRows = 16;

    private ulong _memory;
    private long _bytes;
    private int _rows;
    private int _spans;

    /// <summary>float [rows, padded queries, keys, values]</summary>
    public ulong Qkv { get; private set; }

    /// <summary>float [rows, padded heads · head dimension]</summary>
    public ulong Attended { get; private set; }

    /// <summary>float [rows, padded intermediate size]</summary>
    public ulong Gated { get; private set; }

    /// <summary>float [rows, heads, spans, cached head + 4]</summary>
    public ulong Partial { get; private set; }

    /// <summary>Makes room.</summary>
    /// <param name="rows">Rows of a pass.</param>
    /// <param name="spans">Spans that its rows attend to.</param>
    /// <returns>Whether the memory moved: what was there is gone, and so is whatever refers to it.</returns>
    public bool Reserve(int rows, int spans)
    {
        if (rows <= _rows && spans <= _spans)
        {
            return false;
        }

        rows = Math.Max(_rows, Geometry.PowerOfTwo(Math.Max(rows, FewRows)));
        spans = Math.Max(_spans, Math.Max(spans, Math.Min(Geometry.PowerOfTwo(spans), Geometry.Spans(geometry.Config.MaxPositions))));
        var qkv = Bytes(rows, Geometry.Padded(geometry.QkvOutputs));
        var attended = Bytes(rows, Geometry.Padded(geometry.AttendedOutputs));
        var gated = Bytes(rows, Geometry.Padded(geometry.Config.IntermediateSize));
        var partial = Bytes(Math.Min(rows, FewRows), (long)geometry.Config.AttentionHeads * spans * (geometry.CachedHead + 4));

        // What is there is of no use while nothing runs, and might be just what is lacking.
        context.Synchronize();
        context.Free(_memory, _bytes);
        (_memory, _rows, _spans) = (0, 0, 0);
        _memory = context.Allocate(qkv + attended + gated + partial);
        (_bytes, _rows, _spans) = (qkv + attended + gated + partial, rows, spans);
        Qkv = _memory;
        Attended = Qkv + (ulong)qkv;
        Gated = Attended + (ulong)attended;
        Partial = Gated + (ulong)gated;
        return true;
    }

    private static long Bytes(int rows, long floats) => Geometry.Up(rows * floats * sizeof(float), 256);
}
