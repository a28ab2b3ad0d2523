using System.Runtime.Intrinsics;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>
/// Causal attention, piece by piece: of one key/value head, and a few rows of one cache with the head's group of query heads. Keys and values are
/// what a long context costs: a block of them is read once for all queries of a piece, four by four or two by two.
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
    private readonly bool _takesFour = QuadAttention.Suits(Attention.PaddedDimension(model.Config.HeadDimension));
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
        var longest = 0;
        for (var row = 0; row < qkv.Count; row++)
        {
            longest = Math.Max(longest, Count(row));
        }

        Work = WorkOf(rows, start, qkv.Count);
        _stride = (longest + Attention.BlockPositions - 1) / Attention.BlockPositions * Attention.BlockPositions;
        Divide(qkv.Count, takers);
        ReserveScratch(threads);
    }

    /// <summary>Multiply-adds of rows that attend to positions 0 .. their own of their caches.</summary>
    public long WorkOf(CpuRows rows, int start, int count)
    {
        long positions = 0;
        for (var slot = start; slot < start + count; slot++)
        {
            positions += rows.Position(slot) + 1;
        }

        return positions * model.Config.AttentionHeads * _headDimension * 2;
    }

    /// <summary>Attends from a set of rows, with the query heads of one key/value head.</summary>
    /// <param name="set">0 .. <see cref="Sets"/> - 1.</param>
    /// <param name="head">Key/value head.</param>
    /// <param name="layer">Layer.</param>
    /// <param name="worker">The calling thread's number.</param>
    /// <param name="from">Rows before this one are left out.</param>
    /// <param name="to">So are those from this one on.</param>
    public void Attend(int set, int head, int layer, int worker, int from, int to)
    {
        var (first, end) = (Math.Max(from, _firstRows[set]), Math.Min(to, _firstRows[set + 1]));
        if (first >= end)
        {
            return;
        }

        var cache = _rows!.Cache(_start + first);
        var count = (end - first) * _group;
        var scores = _scratch!.Floats + (worker * (nint)_scratchFloats); // [count, _stride]: first, so that vectors do not straddle cache lines
        var sums = scores + ((nint)count * _stride);                     // [count, _paddedDimension]
        var queries = (Query*)(sums + (count * _paddedDimension));       // [count]
        var totals = (float*)(queries + count);                          // [count]
        var longest = 0;
        for (int row = first, query = 0; row < end; row++)
        {
            var positions = Count(row);
            longest = Math.Max(longest, positions);
            for (var member = 0; member < _group; member++, query++)
            {
                var offset = ((head * _group) + member) * _headDimension;
                queries[query] = new(_qkv[row] + offset, _output[row] + offset, positions);
            }
        }

        for (int block = 0, p = 0; p < longest; block++, p += Attention.BlockPositions)
        {
            if (p + Attention.BlockPositions < longest)
            {
                Fetch(cache.Keys(block + 1, layer, head), _headDimension);
            }

            Score(queries, count, cache.Keys(block, layer, head), p, scores + p);
        }

        for (var query = 0; query < count; query++)
        {
            totals[query] = Attention.Exponentiate(scores + ((nint)query * _stride), queries[query].Positions);
        }

        new Span<float>(sums, count * _paddedDimension).Clear();
        for (int block = 0, p = 0; p < longest; block++, p += Attention.BlockPositions)
        {
            if (p + Attention.BlockPositions < longest)
            {
                Fetch(cache.Values(block + 1, layer, head), _paddedDimension);
            }

            Accumulate(queries, count, cache.Values(block, layer, head), p, scores + p, sums);
        }

        for (var query = 0; query < count; query++)
        {
            var output = queries[query].Output;
            var sum = sums + (query * _paddedDimension);
            var factor = 1 / totals[query];
            var d = 0;
            for (; d <= _headDimension - Vector256<float>.Count; d += Vector256<float>.Count)
            {
                (Vector256.Load(sum + d) * Vector256.Create(factor)).Store(output + d);
            }

            for (; d < _headDimension; d++)
            {
                output[d] = sum[d] * factor;
            }
        }
    }

    public void Dispose() => _scratch?.Dispose();

    /// <summary>Asks for the keys or values of the next block while this one is computed with: blocks lie far apart, and the hardware does not look ahead from one to the next.</summary>
    private static void Fetch(float* next, int dimension) =>
        PanelKernel.Prefetch((byte*)next, Attention.BlockPositions * dimension * sizeof(float));

    /// <summary>Scores of a block that begins at a position, for the queries that attend to any of it, and perhaps for others, which do not look at them.</summary>
    private void Score(Query* queries, int count, float* keys, int position, float* scores)
    {
        var query = 0;
        for (; _takesFour && count - query > 2; query += 4)
        {
            var (two, three, four) = (query + 1, query + 2, Math.Min(query + 3, count - 1));
            if (Math.Max(
                Math.Max(queries[query].Positions, queries[two].Positions), Math.Max(queries[three].Positions, queries[four].Positions)) > position)
            {
                QuadAttention.Scores(
                    queries[query].Input, queries[two].Input, queries[three].Input, queries[four].Input, keys, _headDimension, _scale,
                    Of(query), Of(two), Of(three), Of(four));
            }
        }

        for (; query < count; query += 2)
        {
            var hasOne = queries[query].Positions > position;
            var hasTwo = query + 1 < count && queries[query + 1].Positions > position;
            if (hasOne && hasTwo)
            {
                Attention.ScoresOfPair(queries[query].Input, queries[query + 1].Input, keys, _headDimension, _scale, Of(query), Of(query + 1));
            }
            else if (hasOne)
            {
                Attention.Scores(queries[query].Input, keys, _headDimension, _scale, Of(query));
            }
            else if (hasTwo)
            {
                Attention.Scores(queries[query + 1].Input, keys, _headDimension, _scale, Of(query + 1));
            }
        }

        float* Of(int one) => scores + ((nint)one * _stride);
    }

    /// <summary>Adds a block's values. Where one of several queries attends to more of it than all do, it goes on alone, in the same order.</summary>
    private void Accumulate(Query* queries, int count, float* values, int position, float* weights, float* sums)
    {
        var query = 0;
        for (; _takesFour && count - query > 2; query += 4)
        {
            var (two, three, four) = (query + 1, query + 2, Math.Min(query + 3, count - 1));
            var all = Math.Min(Math.Min(Of(query), Of(two)), Math.Min(Of(three), Of(four)));
            if (all > 0)
            {
                QuadAttention.Accumulate(
                    Weights(query), Weights(two), Weights(three), Weights(four), all, values, _paddedDimension, Sum(query), Sum(two), Sum(three), Sum(four));
            }

            for (var one = query; one <= four; one++)
            {
                Rest(one, all);
            }
        }

        for (; query < count; query += 2)
        {
            var both = query + 1 < count ? Math.Min(Of(query), Of(query + 1)) : 0;
            if (both > 0)
            {
                Attention.AccumulatePair(Weights(query), Weights(query + 1), both, values, _paddedDimension, Sum(query), Sum(query + 1));
            }

            Rest(query, both);
            if (query + 1 < count)
            {
                Rest(query + 1, both);
            }
        }

        int Of(int one) => Math.Clamp(queries[one].Positions - position, 0, Attention.BlockPositions);

        float* Weights(int one) => weights + ((nint)one * _stride);

        float* Sum(int one) => sums + (one * _paddedDimension);

        void Rest(int one, int done)
        {
            if (Of(one) > done)
            {
                Attention.Accumulate(Weights(one) + done, Of(one) - done, values + (done * _paddedDimension), _paddedDimension, Sum(one));
            }
        }
    }

    /// <summary>Positions that a row attends to.</summary>
    private int Count(int row) => _rows!.Position(_start + row) + 1;

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

    /// <summary>Gives each thread room for a piece's queries, scores (whole blocks), outputs and totals.</summary>
    private void ReserveScratch(int threads)
    {
        long needed = 0;
        for (var set = 0; set < Sets; set++)
        {
            needed = Math.Max(needed, (long)(_firstRows[set + 1] - _firstRows[set]) * _group * (sizeof(Query) / sizeof(float) + _stride + _paddedDimension + 1));
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

    /// <summary>A query head of a row: where its query is, where its result goes, and how many positions it attends to.</summary>
    private readonly struct Query(float* input, float* output, int positions)
    {
        public readonly float* Input = input;
        public readonly float* Output = output;
        public readonly int Positions = positions;
    }
}
