using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Training.Numerics;

/// <summary>Matrix products on all threads: c = a b, or c = addTo + a b. Either factor may be a transposed view.</summary>
/// <remarks>
/// b is taken in panels as wide as a tile, packed once unless tiles can read them where they stand; each chunk takes a block of rows of a through them,
/// a block of depth after the other, so that what the tiles read stays in the second-level cache. An element of c is computed by one thread, in an order that
/// depends on the shape alone: results are the same bits whatever the thread count.
/// One product at a time.
/// </remarks>
internal sealed unsafe class Gemm : IDisposable
{
    private const int BlockDepth = 256;

    /// <summary>Tiles of a block of rows at most: packed, they stay in the second-level cache.</summary>
    private const int MostTiles = 16;

    /// <summary>Blocks of fewer tiles than these are made only where there are threads for them: all of b passes by each.</summary>
    private const int FewTiles = 8;

    /// <summary>Chunks of a thread at least, so that one which falls behind can be helped.</summary>
    private const int ChunksOfThread = 2;

    private static readonly int s_packedRows = MostTiles * GemmPacking.TileStride(BlockDepth);

    private readonly ComputePool _pool;
    private readonly GemmKernel _kernel;
    private readonly NativeBuffer[] _scratch; // a worker: packed rows of a, then a tile at c's edge
    private NativeBuffer _panels = new(0);    // b: [depth block][panel][depth within the block][tile columns]

    /// <param name="pool">The threads.</param>
    /// <param name="path">The vector width.</param>
    public Gemm(ComputePool pool, SimdPath path)
    {
        _pool = pool;
        _kernel = GemmKernel.Of(path);
        _scratch = [.. Enumerable.Range(0, pool.Threads).Select(_ => new NativeBuffer(
            (s_packedRows + (GemmKernel.Rows * GemmKernel.MostColumns)) * sizeof(float)))];
    }

    /// <summary>Floating-point operations of all products so far, a multiplication and an addition counted as two.</summary>
    public long Operations { get; private set; }

    /// <summary>Bytes of scratch memory.</summary>
    public long Bytes => _panels.Bytes + _scratch.Sum(buffer => buffer.Bytes);

    /// <summary>c = a b.</summary>
    /// <param name="a">[m, k], k at least 1.</param>
    /// <param name="b">[k, n].</param>
    /// <param name="c">[m, n], not transposed, overlapping neither factor.</param>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public void Multiply(Matrix a, Matrix b, Matrix c) => Multiply(a, b, c, default, add: false);

    /// <summary>c = addTo + a b.</summary>
    /// <param name="a">[m, k], k at least 1.</param>
    /// <param name="b">[k, n].</param>
    /// <param name="addTo">[m, n], not transposed; may be <paramref name="c"/> itself.</param>
    /// <param name="c">[m, n], not transposed, overlapping neither factor.</param>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public void MultiplyAdd(Matrix a, Matrix b, Matrix addTo, Matrix c) => Multiply(a, b, c, addTo, add: true);

    public void Dispose()
    {
        _panels.Dispose();
        Array.ForEach(_scratch, static buffer => buffer.Dispose());
    }

    private void Multiply(Matrix a, Matrix b, Matrix c, Matrix addTo, bool add)
    {
        var (m, n, depth) = (a.Rows, b.Columns, a.Columns);
        ArgumentOutOfRangeException.ThrowIfLessThan(depth, 1, nameof(a));
        b.Expect(nameof(b), depth, n);
        c.Expect(nameof(c), m, n);
        if (add)
        {
            addTo.Expect(nameof(addTo), m, n);
        }

        if (c.ColumnStride != 1 || (add && addTo.ColumnStride != 1))
        {
            throw new ArgumentException("the result and what it adds to cannot be transposed views", nameof(c));
        }

        if (a.ColumnStride != 1 && a.RowStride != 1)
        {
            throw new ArgumentException("the rows or the columns must be contiguous", nameof(a));
        }

        if (m == 0 || n == 0)
        {
            return;
        }

        Operations += 2L * m * n * depth;
        var panels = (n + _kernel.Columns - 1) / _kernel.Columns;
        var packs = !IsReadInPlace(b);
        if (packs)
        {
            Pack(b, panels);
        }

        // As many blocks of rows for every thread, of nearly as many tiles. Where so few tiles make too little work for that, the columns are divided too.
        var threads = _pool.Threads;
        var tiles = (m + GemmKernel.Rows - 1) / GemmKernel.Rows;
        var blocks = Math.Max((tiles + MostTiles - 1) / MostTiles, Math.Min(ChunksOfThread * threads, tiles / FewTiles));
        blocks = Math.Min((blocks + threads - 1) / threads * threads, tiles);
        var groups = threads == 1 ? 1 : Math.Clamp(ChunksOfThread * threads / blocks, 1, panels);
        var product = new Product(a, b, c, add ? addTo : c, add, packs, panels);
        _pool.For(blocks * groups, (chunk, worker) =>
        {
            var (block, group) = (chunk / groups, chunk % groups);
            RunBlock(product, Start(block), Math.Min(m, Start(block + 1)), panels * group / groups, panels * (group + 1) / groups, _scratch[worker].Floats);
        });

        int Start(int block) => (int)((long)tiles * block / blocks) * GemmKernel.Rows;
    }

    private void Pack(Matrix b, int panels)
    {
        var (depth, width) = (b.Rows, _kernel.Columns);
        var needed = (long)depth * panels * width * sizeof(float);
        if (_panels.Bytes < needed)
        {
            _panels.Dispose();
            _panels = new NativeBuffer(needed);
        }

        var packed = _panels.Floats;
        var blocks = (depth + BlockDepth - 1) / BlockDepth;
        _pool.For(panels * blocks, (chunk, _) =>
        {
            var (panel, from) = (chunk % panels, chunk / panels * BlockDepth);
            var count = Math.Min(BlockDepth, depth - from);
            GemmPacking.PackColumns(b, from, count, panel * width, width, packed + PanelOffset(panels, panel, from, count));
        });
    }

    private bool IsReadInPlace(Matrix b) =>
        _kernel.ReadsInPlace(b.Columns) && b.ColumnStride == 1
        && (b.RowStride * sizeof(float)) % PanelKernel.CacheLine == 0 && (nint)b.Data % PanelKernel.CacheLine == 0;

    private nint PanelOffset(int panels, int panel, int from, int count) =>
        (((nint)from * panels) + ((nint)panel * count)) * _kernel.Columns;

    /// <summary>A block of rows through some of the panels, over the whole depth.</summary>
    private void RunBlock(in Product p, int rowStart, int rowEnd, int panelStart, int panelEnd, float* packedRows)
    {
        const int TileRows = GemmKernel.Rows;
        var edge = packedRows + s_packedRows;
        var wholeTiles = (rowEnd - rowStart) / TileRows * TileRows;
        for (var from = 0; from < p.B.Rows; from += BlockDepth)
        {
            var count = Math.Min(BlockDepth, p.B.Rows - from);
            var block = p.A.Data + ((nint)rowStart * p.A.RowStride) + ((nint)from * p.A.ColumnStride);
            var edgeRows = packedRows + ((nint)wholeTiles / TileRows * GemmPacking.TileStride(count));
            var rest = rowEnd - rowStart - wholeTiles;
            if (rest > 0)
            {
                GemmPacking.PackEdge(block + ((nint)wholeTiles * p.A.RowStride), p.A.RowStride, p.A.ColumnStride, rest, count, edgeRows);
            }

            // Contiguous rows are read where they stand. Contiguous columns are packed first: a tile would touch a page for each of them.
            nint rowStep = p.A.RowStride, depthStep = p.A.ColumnStride, tileStep = TileRows * rowStep;
            if (depthStep != 1)
            {
                GemmPacking.PackRows(block, depthStep, wholeTiles, count, packedRows);
                block = packedRows;
                (rowStep, depthStep, tileStep) = (1, TileRows, GemmPacking.TileStride(count));
            }

            var tiles = (rowEnd - rowStart + TileRows - 1) / TileRows;
            for (var panel = panelStart; panel < panelEnd; panel++)
            {
                var b = Panel(p, panel, from);
                var bStep = BStep(p);
                var column = panel * _kernel.Columns;
                var columns = Math.Min(_kernel.Columns, p.B.Columns - column);

                // Each tile asks for its part of the panel that comes next, so that the first to read that does not wait.
                var (next, nextFrom) = panel + 1 < panelEnd ? (panel + 1, from) : (panelStart, from + BlockDepth);
                var ahead = new PanelAhead(Panel(p, next, nextFrom), bStep, p.B.Rows - nextFrom, tiles, _kernel.Columns);
                for (int row = 0, tile = 0; tile < tiles; row += TileRows, tile++)
                {
                    ahead.Fetch();
                    var c = p.C.Data + ((nint)(rowStart + row) * p.C.RowStride) + column;
                    var source = from > 0 ? p.C : p.AddTo;
                    var addTo = from > 0 || p.Add ? source.Data + ((nint)(rowStart + row) * source.RowStride) + column : null;
                    if (row == wholeTiles)
                    {
                        _kernel.Run(count, edgeRows, 1, TileRows, b, bStep, edge, _kernel.Columns, null, 0);
                        CopyEdge(edge, rest, columns, c, p.C.RowStride, addTo, source.RowStride);
                    }
                    else if (columns < _kernel.Columns)
                    {
                        _kernel.Run(count, block + (tile * tileStep), rowStep, depthStep, b, bStep, edge, _kernel.Columns, null, 0);
                        CopyEdge(edge, TileRows, columns, c, p.C.RowStride, addTo, source.RowStride);
                    }
                    else
                    {
                        _kernel.Run(count, block + (tile * tileStep), rowStep, depthStep, b, bStep, c, p.C.RowStride, addTo, source.RowStride);
                    }
                }
            }
        }
    }

    /// <summary>A panel of b, from some depth on.</summary>
    private float* Panel(in Product p, int panel, int from) => p.Packs
        ? _panels.Floats + PanelOffset(p.Panels, panel, from, Math.Min(BlockDepth, p.B.Rows - from))
        : p.B.Data + ((nint)from * p.B.RowStride) + (panel * _kernel.Columns);

    /// <summary>Floats from a row of a panel to the next.</summary>
    private nint BStep(in Product p) => p.Packs ? _kernel.Columns : p.B.RowStride;

    private void CopyEdge(float* edge, int rows, int columns, float* c, nint cStride, float* addTo, nint addStride)
    {
        for (var i = 0; i < rows; i++)
        {
            for (var j = 0; j < columns; j++)
            {
                var value = edge[(i * _kernel.Columns) + j];
                c[(i * cStride) + j] = addTo is null ? value : addTo[(i * addStride) + j] + value;
            }
        }
    }

    /// <summary>What of a panel is fetched ahead of its use, by each tile of another an equal part.</summary>
    /// <param name="first">Its first row.</param>
    /// <param name="step">Floats from a row to the next.</param>
    /// <param name="rows">Rows that are left of b; none, or fewer than none, where no panel comes next.</param>
    /// <param name="tiles">How many tiles fetch.</param>
    /// <param name="columns">Floats of a row.</param>
    private ref struct PanelAhead(float* first, nint step, int rows, int tiles, int columns)
    {
        private readonly int _part = (Math.Min(BlockDepth, rows) + tiles - 1) / tiles;
        private float* _row = first;
        private int _left = Math.Min(BlockDepth, rows);

        public void Fetch()
        {
            for (var end = _row + (Math.Min(_part, _left) * step); _row < end; _row += step)
            {
                PanelKernel.Prefetch((byte*)_row, columns * sizeof(float));
            }

            _left -= _part;
        }
    }

    private readonly record struct Product(Matrix A, Matrix B, Matrix C, Matrix AddTo, bool Add, bool Packs, int Panels);
}
