using LayerSkip.Engine.Cuda.Driver;

namespace LayerSkip.Engine.Cuda.Execution;

/// <summary>The kernels that write and read caches.</summary>
internal sealed class AttentionKernels
{
    private readonly CudaContext _context;
    private readonly Geometry _geometry;
    private readonly float _scale;
    private readonly nint _angles;
    private readonly nint _append;
    private readonly nint _split;
    private readonly nint _merge;
    private readonly nint _tiles;

    public AttentionKernels(CudaContext context, KernelLibrary kernels, Geometry geometry)
    {
        _context = context;
        _geometry = geometry;
        _scale = 1 / MathF.Sqrt(geometry.Config.HeadDimension);
        _angles = kernels.Function("rotary_angles");
        _append = kernels.Function("rope_append");
        _split = kernels.Function($"attention_split_{geometry.AttentionSuffix}");
        _merge = kernels.Function("attention_merge");
        _tiles = kernels.Function($"attention_tiles_{geometry.AttentionSuffix}");
    }

    /// <summary>Rotary angles of rows whose positions are set.</summary>
    public void Angles(in RowPointers rows, ulong frequencies, int count)
    {
        var arguments = default(KernelArguments);
        arguments.Add(rows.Angles);
        arguments.Add(rows.Positions);
        arguments.Add(frequencies);
        arguments.Add(count);
        arguments.Add(_geometry.Planes);
        _context.Launch(_angles, (count, 1, 1), 128, ref arguments);
    }

    /// <summary>Turns queries and keys, and writes keys and values to the caches.</summary>
    public void Append(ulong qkv, in RowPointers rows, int count, int layer)
    {
        var arguments = default(KernelArguments);
        arguments.Add(qkv);
        arguments.Add(rows.Angles);
        arguments.Add(rows.Positions);
        arguments.Add(rows.Tables);
        AddShape(ref arguments, count, layer);
        _context.Launch(_append, (_geometry.Config.AttentionHeads + (2 * _geometry.Config.KeyValueHeads), count, 1), 64, ref arguments);
    }

    /// <summary>Each row's attention over its cache, up to its own position.</summary>
    /// <param name="scratch">Holds the queries; takes the result.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="count">How many.</param>
    /// <param name="layer">Which layer's entries.</param>
    /// <param name="spans">Spans that reach behind every row's position.</param>
    public void Attend(Scratch scratch, in RowPointers rows, int count, int layer, int spans)
    {
        if (count > Scratch.MostSplitRows && !rows.AreApart)
        {
            var arguments = default(KernelArguments);
            arguments.Add(scratch.Attended);
            AddRows(ref arguments, scratch.Qkv, rows, count, layer);
            arguments.Add(_scale);
            _context.Launch(_tiles, (_geometry.Config.KeyValueHeads * _geometry.QueryTiles, Geometry.Blocks(count, _geometry.AttentionRows), 1), 256, ref arguments);
            return;
        }

        // A tile's block walks the whole of each cache that its rows have: many blocks with a span each are through sooner.
        var most = scratch.PartialRows(spans);
        for (var first = 0; first < count; first += most)
        {
            Split(scratch, first, rows.At(first, _geometry), Math.Min(most, count - first), layer, spans);
        }
    }

    /// <summary>Attention of few rows, from one of the scratch memory's rows on.</summary>
    private void Split(Scratch scratch, int first, in RowPointers rows, int count, int layer, int spans)
    {
        var arguments = default(KernelArguments);
        arguments.Add(scratch.Partial);
        AddRows(ref arguments, scratch.Qkv + ((ulong)first * (ulong)Geometry.Padded(_geometry.QkvOutputs) * sizeof(float)), rows, count, layer);
        arguments.Add(spans);
        arguments.Add(_scale);

        // A block walks the caches of its rows one after the other: of different ones each has its own.
        var blocks = rows.AreApart ? count : Geometry.Blocks(count, _geometry.AttentionRows);
        _context.Launch(_split, (spans, _geometry.Config.KeyValueHeads * _geometry.QueryTiles, blocks), 256, ref arguments);

        arguments = default;
        arguments.Add(scratch.Attended + ((ulong)first * (ulong)Geometry.ActivationBytes(_geometry.AttendedOutputs)));
        arguments.Add(scratch.Partial);
        arguments.Add(rows.Positions);
        arguments.Add(count);
        arguments.Add(_geometry.Config.AttentionHeads);
        arguments.Add(_geometry.Config.HeadDimension);
        arguments.Add(spans);
        _context.Launch(_merge, (_geometry.Config.AttentionHeads, count, 1), 64, ref arguments);
    }

    private void AddRows(ref KernelArguments arguments, ulong qkv, in RowPointers rows, int count, int layer)
    {
        arguments.Add(qkv);
        arguments.Add(rows.Positions);
        arguments.Add(rows.Tables);
        AddShape(ref arguments, count, layer);
    }

    private void AddShape(ref KernelArguments arguments, int count, int layer)
    {
        arguments.Add(count);
        arguments.Add(_geometry.Config.AttentionHeads);
        arguments.Add(_geometry.Config.KeyValueHeads);
        arguments.Add(_geometry.Config.HeadDimension);
        arguments.Add(layer);
    }
}
