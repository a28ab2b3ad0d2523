namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>Three sequences' random queries, keys and values, in pages that lie in no order, and rows of them to attend.</summary>
internal sealed class RandomCaches
{
    public const int Layers = 2, Layer = 1;
    private const int Sequences = 3;

    private readonly int _width;
    private readonly float[][] _qkv; // by sequence: [positions, queries, keys, values]
    private readonly double[]?[]?[] _turnedKeys = new double[]?[]?[Sequences]; // by sequence: [positions, key heads], when they are first asked for
    private readonly int[] _pageOrder;
    private readonly int[] _lengths;
    private readonly float[] _frequencies;

    public RandomCaches(int heads, int kvHeads, int headDim, int context, Random random)
    {
        (Heads, KvHeads, HeadDim, _width) = (heads, kvHeads, headDim, (heads + (2 * kvHeads)) * headDim);
        _lengths = [context, Math.Max(1, context / 3), 1];
        _qkv = Array.ConvertAll(_lengths, length => random.Floats(length * _width));
        Pages = _lengths.Sum(Geometry.Pages);
        _pageOrder = [.. Enumerable.Range(0, Pages).OrderBy(_ => random.Next())];
        _frequencies = [.. Enumerable.Range(0, headDim / 2).Select(i => (float)Math.Pow(10000, -2.0 * i / headDim))];

        // A verification's rows, a few of another sequence, a row that is not there, and rows from all over.
        var rows = new List<(int Sequence, int Position)>();
        rows.AddRange(Enumerable.Range(Math.Max(0, context - 6), Math.Min(context, 6)).Select(position => (0, position)));
        rows.Add((2, 0));
        rows.AddRange(Enumerable.Range(0, Math.Min(3, _lengths[1])).Select(i => (1, _lengths[1] - 1 - i)));
        rows.Add((0, -1));
        rows.AddRange(Enumerable.Range(0, 5).Select(_ => (0, random.Next(context))));
        Rows = [.. rows];
        Spread = random.NextDouble();
    }

    public int Heads { get; }

    public int KvHeads { get; }

    public int HeadDim { get; }

    /// <summary>The rows that are attended; position -1: no row.</summary>
    public (int Sequence, int Position)[] Rows { get; }

    /// <summary>How far rows are spread over blocks where any number may be: 0, over the fewest, to 1, a block each.</summary>
    public double Spread { get; }

    /// <summary>Pages of all sequences.</summary>
    public int Pages { get; }

    /// <summary>Floats of a cached key or value.</summary>
    public int Stride => Geometry.Up(HeadDim, 4);

    /// <summary>Spans that reach behind every row, and one more.</summary>
    public int Spans => Geometry.Spans(_lengths[0]) + 1;

    public float Scale => 1 / MathF.Sqrt(HeadDim);

    /// <summary>What attention kernels' names end with.</summary>
    public string Suffix => HeadDim <= 64 ? "d64" : HeadDim <= 128 ? "d128" : "d256";

    public IReadOnlyList<KernelSize> Sizes => [new("heads", Heads), new("key heads", KvHeads), new("head size", HeadDim), new("context", _lengths[0])];

    /// <summary>Bytes of a page.</summary>
    public long PageBytes => Geometry.Up(PageFloats * 4L, 256);

    private int PageFloats => Layers * KvHeads * 2 * Geometry.PagePositions * Stride;

    /// <summary>Blocks that attention runs over key heads and rows.</summary>
    public (int Heads, int Rows) Grid(int rows)
    {
        var (queries, group) = (HeadDim <= 128 ? 16 : 8, Heads / KvHeads);
        return (KvHeads * Geometry.Blocks(group, queries), Geometry.Blocks(rows, Math.Max(1, queries / group)));
    }

    /// <summary>Appends all positions to caches in device memory.</summary>
    public CachesOnDevice On(KernelBench bench)
    {
        var memory = bench.Put(Enumerable.Repeat(float.NaN, (int)(Pages * PageBytes / 4)).ToArray());
        var tables = new ulong[Sequences];
        for (var (sequence, page) = (0, 0); sequence < Sequences; sequence++)
        {
            tables[sequence] = bench.Put([.. Enumerable.Range(0, Geometry.Pages(_lengths[sequence])).Select(_ => memory + ((ulong)_pageOrder[page++] * (ulong)PageBytes))]);
        }

        var caches = new CachesOnDevice(memory, tables);
        for (var sequence = 0; sequence < Sequences; sequence++)
        {
            Append(bench, [.. Enumerable.Range(0, _lengths[sequence]).Select(position => (sequence, position))], caches);
        }

        return caches;
    }

    /// <summary>Appends rows to the caches, and turns their queries.</summary>
    public RowsOnDevice Append(KernelBench bench, (int Sequence, int Position)[] rows, CachesOnDevice caches)
    {
        var values = rows.SelectMany(row => row.Position < 0 ? new float[_width] : _qkv[row.Sequence].AsSpan(row.Position * _width, _width).ToArray()).ToArray();
        var qkv = bench.PutRows(values, _width, Geometry.Padded(_width));
        var positions = bench.Put(Array.ConvertAll(rows, row => row.Position));
        var tables = bench.Put(Array.ConvertAll(rows, row => caches.Tables[row.Sequence]));
        var angles = bench.Put(new float[rows.Length * HeadDim]);
        bench.Launch("rotary_angles", (rows.Length, 1, 1), 128, angles, positions, bench.Put(_frequencies), rows.Length, HeadDim / 2);
        bench.Launch("rope_append", (Heads + (2 * KvHeads), rows.Length, 1), 64, qkv, angles, positions, tables, rows.Length, Heads, KvHeads, HeadDim, Layer);
        return new(qkv, positions, tables);
    }

    /// <summary>Where in the pages' memory, in floats, a head's key lies; the values' offset is 32 positions further.</summary>
    public int PlaceOfKey(int sequence, int position, int kvHead)
    {
        var page = _pageOrder[_lengths.Take(sequence).Sum(Geometry.Pages) + (position / Geometry.PagePositions)];
        return (int)(page * PageBytes / 4) + ((((((Layer * KvHeads) + kvHead) * 2 * Geometry.PagePositions) + (position % Geometry.PagePositions)) * Stride));
    }

    /// <summary>Attention of a row's head over some positions: the logarithm of the weights' sum, and the weighted mean of the values.</summary>
    public (double LogWeight, double[] Mean) Attend((int Sequence, int Position) row, int head, int first, int end)
    {
        var (mean, kvHead) = (new double[HeadDim], head / (Heads / KvHeads));
        var query = Turned(row, head);
        var scores = new double[end - first];
        for (var position = first; position < end; position++)
        {
            var key = TurnedKey((row.Sequence, position), kvHead);
            var score = 0.0;
            for (var d = 0; d < HeadDim; d++)
            {
                score += query[d] * key[d];
            }

            scores[position - first] = score / Math.Sqrt(HeadDim);
        }

        var greatest = scores.Max();
        var sum = scores.Sum(score => Math.Exp(score - greatest));
        for (var position = first; position < end; position++)
        {
            var weight = Math.Exp(scores[position - first] - greatest) / sum;
            var value = Value((row.Sequence, position), kvHead);
            for (var d = 0; d < HeadDim; d++)
            {
                mean[d] += weight * value[d];
            }
        }

        return (greatest + Math.Log(sum), mean);
    }

    /// <summary>A query or key head after the rotary embedding.</summary>
    /// <param name="row">Of which row.</param>
    /// <param name="head">Query heads, then key heads.</param>
    public double[] Turned((int Sequence, int Position) row, int head)
    {
        var source = _qkv[row.Sequence].AsSpan((row.Position * _width) + (head * HeadDim), HeadDim);
        var turned = new double[HeadDim];
        var half = HeadDim / 2;
        for (var i = 0; i < half; i++)
        {
            var (sine, cosine) = Math.SinCos(row.Position * _frequencies[i]);
            turned[i] = (source[i] * cosine) - (source[half + i] * sine);
            turned[half + i] = (source[half + i] * cosine) + (source[i] * sine);
        }

        return turned;
    }

    /// <summary>A row's value.</summary>
    public ReadOnlySpan<float> Value((int Sequence, int Position) row, int kvHead) =>
        _qkv[row.Sequence].AsSpan((row.Position * _width) + ((Heads + KvHeads + kvHead) * HeadDim), HeadDim);

    private double[] TurnedKey((int Sequence, int Position) row, int kvHead)
    {
        var keys = _turnedKeys[row.Sequence] ??= new double[_lengths[row.Sequence] * KvHeads][];
        return keys[(row.Position * KvHeads) + kvHead] ??= Turned(row, Heads + kvHead);
    }
}

/// <summary>Caches in device memory.</summary>
/// <param name="Memory">The pages'.</param>
/// <param name="Tables">Each sequence's page table.</param>
internal sealed record CachesOnDevice(ulong Memory, ulong[] Tables);

/// <summary>Rows in device memory.</summary>
/// <param name="Qkv">Queries (turned), keys and values.</param>
/// <param name="Positions">Their positions.</param>
/// <param name="Tables">Their sequences' page tables.</param>
internal readonly record struct RowsOnDevice(ulong Qkv, ulong Positions, ulong Tables);
