using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu.Jobs;

/// <summary>
/// Causal attention, piece by piece: of one key/value head, and a few rows of one cache with the head's group of query heads. Keys and values are
/// what a long context costs: a block of them is read once for all queries of a piece, two by two.
/// </summary>
internal sealed unsafe class RowAttention(CpuModel model) : IDisposable
{
    /// <summary>Most rows of a piece: more would not read fewer bytes worth mentioning.</summary>
    private const int MostRows = 8;

    /// <summary>Most scores of a piece, rows beyond the first aside: they are to stay in a near cache.</summary>
    private const int MostScores = 1 << 19;

    /// <summary>Pieces for each thread, so that none waits long for another.</summary>
    private const int PiecesPerThread = 2;

    private readonly int _headDimension = model.Config.HeadDimension;
    private readonly int _paddedDimension = Attention.PaddedDimension(model.Config.HeadDimension);
    private readonly int _keyValueHeads = model.Config.KeyValueHeads;
    private readonly int _group = model.Config.AttentionHeads / model.Config.KeyValueHeads;
    private readonly float _scale = 1 / MathF.Sqrt(model.Config.HeadDimension);
    private NativeBuffer? _scratch;
    private long _scratchFloats;
    private int[] _firstRows = []; // of each set of rows, and behind the last one the end
    private int _stride;
    private CpuRows? _rows;
    private int _start;
    private RowsView _qkv;
    private RowsView _output;

    /// <summary>Sets of rows that one piece goes over.</summary>
    public int Sets { get; private set; }

    /// <summary>Multiply-adds of all rows.</summary>
    public long Work { get; private set; }

    /// <summary>Prepares for rows, which attend to positions 0 .. their own of their caches.</summary>
    /// <param name="threads">Threads, each of which has scratch memory of its own.</param>
    /// <param name="takers">Threads that the pieces of a head are divided among.</param>
    /// <param name="rows">Slots, whose caches hold the layer's keys and values up to each row's position when it comes to attention.</param>
    /// <param name="start">First slot.</param>
    /// <param name="qkv">[rows, queries | keys | values], queries rotated by then.</param>
    /// <param name="output">[rows, heads · headDimension].</param>
    public void Place(int threads, int takers, CpuRows rows, int start, in RowsView qkv, in RowsView output)
    {
        (_rows, _start, _qkv, _output) = (rows, start, qkv, output);
        long positions = 0;
        var longest = 0;
        for (var row = 0; row < qkv.Count; row++)
        {
            positions += Count(row);
            longest = Math.Max(longest, Count(row));
        }

        Work = positions * model.Config.AttentionHeads * _headDimension * 2;
        _stride = (longest + Attention.BlockPositions - 1) / Attention.BlockPositions * Attention.BlockPositions;
        Divide(qkv.Count, takers);
        ReserveScratch(threads);
    }

    /// <summary>Attends from a set of rows, with the query heads of one key/value head.</summary>
    /// <param name="set">0 .. <see cref="Sets"/> - 1.</param>
    /// <param name="head">Key/value head.</param>
    /// <param name="layer">Layer.</param>
    /// <param name="worker">The calling thread's number.</param>
    /// <param name="from">Rows before this one are left out.</param>
    public void Attend(int set, int head, int layer, int worker, int from)
    {
        var (first, end) = (Math.Max(from, _firstRows[set]), _firstRows[set + 1]);
        if (first >= end)
        {
            return;
        }

        var queries = (end - first) * _group;
        var cache = _rows!.Cache(_start + first);
        var scores = _scratch!.Floats + (worker * (nint)_scratchFloats); // [queries, _stride]
        var sums = scores + ((nint)queries * _stride);                   // [queries, _paddedDimension]
        var totals = sums + (queries * _paddedDimension);                // [queries]
        var longest = 0;
        for (var row = first; row < end; row++)
        {
            longest = Math.Max(longest, Count(row));
        }

        for (int block = 0, p = 0; p < longest; block++, p += Attention.BlockPositions)
        {
            Score(first, head, queries, cache.Keys(block, layer, head), p, scores + p);
        }

        for (var query = 0; query < queries; query++)
        {
            totals[query] = Attention.Exponentiate(scores + ((nint)query * _stride), Count(first + (query / _group)));
        }

        new Span<float>(sums, queries * _paddedDimension).Clear();
        for (int block = 0, p = 0; p < longest; block++, p += Attention.BlockPositions)
        {
            Accumulate(first, queries, cache.Values(block, layer, head), p, scores + p, sums);
        }

        for (var query = 0; query < queries; query++)
        {
            var output = Output(first, head, query);
            var sum = sums + (query * _paddedDimension);
            var factor = 1 / totals[query];
            for (var d = 0; d < _headDimension; d++)
            {
                output[d] = sum[d] * factor;
            }
        }
    }

    public void Dispose() => _scratch?.Dispose();

    /// <summary>Scores of a block that begins at a position, for the queries that attend to any of it.</summary>
    private void Score(int first, int head, int queries, float* keys, int position, float* scores)
    {
        for (var query = 0; query < queries; query += 2)
        {
            var hasOne = Count(first + (query / _group)) > position;
            var hasTwo = query + 1 < queries && Count(first + ((query + 1) / _group)) > position;
            var one = scores + ((nint)query * _stride);
            var two = one + _stride;
            if (hasOne && hasTwo)
            {
                Attention.ScoresOfPair(Query(first, head, query), Query(first, head, query + 1), keys, _headDimension, _scale, one, two);
            }
            else if (hasOne)
            {
                Attention.Scores(Query(first, head, query), keys, _headDimension, _scale, one);
            }
            else if (hasTwo)
            {
                Attention.Scores(Query(first, head, query + 1), keys, _headDimension, _scale, two);
            }
        }
    }

    /// <summary>Adds a block's values. Where one of two queries attends to more of it, it goes on alone, in the same order.</summary>
    private void Accumulate(int first, int queries, float* values, int position, float* weights, float* sums)
    {
        for (var query = 0; query < queries; query += 2)
        {
            var one = Math.Clamp(Count(first + (query / _group)) - position, 0, Attention.BlockPositions);
            var two = query + 1 < queries ? Math.Clamp(Count(first + ((query + 1) / _group)) - position, 0, Attention.BlockPositions) : 0;
            var both = Math.Min(one, two);
            var oneWeights = weights + ((nint)query * _stride);
            var oneSum = sums + (query * _paddedDimension);
            if (both > 0)
            {
                Attention.AccumulatePair(oneWeights, oneWeights + _stride, both, values, _paddedDimension, oneSum, oneSum + _paddedDimension);
            }

            var rest = values + (both * _paddedDimension);
            if (one > both)
            {
                Attention.Accumulate(oneWeights + both, one - both, rest, _paddedDimension, oneSum);
            }
            else if (two > both)
            {
                Attention.Accumulate(oneWeights + _stride + both, two - both, rest, _paddedDimension, oneSum + _paddedDimension);
            }
        }
    }

    /// <summary>Positions that a row attends to.</summary>
    private int Count(int row) => _rows!.Position(_start + row) + 1;

    private float* Query(int first, int head, int query) => _qkv[first + (query / _group)] + Offset(head, query);

    private float* Output(int first, int head, int query) => _output[first + (query / _group)] + Offset(head, query);

    private int Offset(int head, int query) => ((head * _group) + (query % _group)) * _headDimension;

    /// <summary>Divides the rows into sets of neighbours with one cache: as large as leaves every thread enough of them.</summary>
    private void Divide(int rows, int threads)
    {
        if (_firstRows.Length <= rows)
        {
            _firstRows = new int[rows + 1];
        }

        var most = Math.Clamp(
            Math.Min(threads == 1 ? MostRows : rows * _keyValueHeads / (PiecesPerThread * threads), MostScores / (_group * _stride)), 1, MostRows);
        Sets = 0;
        for (var row = 0; row < rows; row++)
        {
            var isNew = row == 0 || row - _firstRows[Sets - 1] == most || _rows!.Cache(_start + row) != _rows.Cache(_start + row - 1);
            if (isNew)
            {
                _firstRows[Sets++] = row;
            }
        }

        _firstRows[Sets] = rows;
    }

    /// <summary>Gives each thread room for a chunk's scores (whole blocks), outputs and totals.</summary>
    private void ReserveScratch(int threads)
    {
        long needed = 0;
        for (var set = 0; set < Sets; set++)
        {
            needed = Math.Max(needed, (long)(_firstRows[set + 1] - _firstRows[set]) * _group * (_stride + _paddedDimension + 1));
        }

        if (needed <= _scratchFloats)
        {
            return;
        }

        // Doubled, so that a growing context does not reallocate at each block.
        var floats = (Math.Max(needed, 2 * _scratchFloats) + 15) / 16 * 16;
        var scratch = new NativeBuffer(threads * floats * sizeof(float));
        _scratch?.Dispose();
        (_scratch, _scratchFloats) = (scratch, floats);
    }
}
