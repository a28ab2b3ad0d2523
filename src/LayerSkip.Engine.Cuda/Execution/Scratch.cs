using LayerSkip.Engine.Cuda.Driver;

namespace LayerSkip.Engine.Cuda.Execution;

/// <summary>Device memory for what a pass computes on its way; grows by need, twofold, so that a sequence that grows token by token seldom waits for it.</summary>
internal sealed class Scratch(CudaContext context, Geometry geometry)
{
    /// <summary>Most rows of a sequence's pass whose attention is split into spans; above, it needs no partial results.</summary>
    public const int MostSplitRows = 16;

    /// <summary>Spans for which partial results of so many rows have room at least: so many more rows have it that reach over fewer.</summary>
    private const int LeastSpans = 16;

    private ulong _memory;
    private long _bytes;
    private int _rows;
    private int _spans;

    /// <summary>float [rows, padded queries, keys, values]</summary>
    public ulong Qkv { get; private set; }

    /// <summary>Activations [rows, hidden size], behind a norm.</summary>
    public ulong Normed { get; private set; }

    /// <summary>Activations [rows, heads · head dimension].</summary>
    public ulong Attended { get; private set; }

    /// <summary>Activations [rows, intermediate size].</summary>
    public ulong Gated { get; private set; }

    /// <summary>float [rows, heads, spans, cached head + 4], of <see cref="PartialRows"/>.</summary>
    public ulong Partial { get; private set; }

    /// <summary>Rows for whose partial results there is room: <see cref="MostSplitRows"/> or more.</summary>
    /// <param name="spans">Spans that they attend to, no more than was reserved.</param>
    public int PartialRows(int spans) => MostSplitRows * Math.Max(_spans, LeastSpans) / spans;

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

        rows = Math.Max(_rows, Geometry.PowerOfTwo(Math.Max(rows, MostSplitRows)));
        spans = Math.Max(_spans, Math.Max(spans, Math.Min(Geometry.PowerOfTwo(spans), Geometry.Spans(geometry.Config.MaxPositions))));
        var qkv = Bytes(rows, (long)Geometry.Padded(geometry.QkvOutputs) * sizeof(float));
        var normed = Bytes(rows, Geometry.ActivationBytes(geometry.Config.HiddenSize));
        var attended = Bytes(rows, Geometry.ActivationBytes(geometry.AttendedOutputs));
        var gated = Bytes(rows, Geometry.ActivationBytes(geometry.Config.IntermediateSize));
        var partial = Bytes(MostSplitRows, (long)geometry.Config.AttentionHeads * Math.Max(spans, LeastSpans) * (geometry.CachedHead + 4) * sizeof(float));
        var bytes = qkv + normed + attended + gated + partial;

        // What is there is of no use while nothing runs, and might be just what is lacking.
        context.Synchronize();
        context.Free(_memory, _bytes);
        (_memory, _rows, _spans) = (0, 0, 0);
        _memory = context.Allocate(bytes);
        (_bytes, _rows, _spans) = (bytes, rows, spans);
        Qkv = _memory;
        Normed = Qkv + (ulong)qkv;
        Attended = Normed + (ulong)normed;
        Gated = Attended + (ulong)attended;
        Partial = Gated + (ulong)gated;
        return true;
    }

    private static long Bytes(int rows, long ofRow) => Geometry.Up(rows * ofRow, 256);
}
