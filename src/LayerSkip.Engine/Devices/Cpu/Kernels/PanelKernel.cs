using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>Multiplies activation rows with panels of weights, at one vector width and in one weight format.</summary>
internal abstract unsafe class PanelKernel(WeightFormat format)
{
    /// <summary>Output columns of a panel.</summary>
    public const int Width = 32;

    /// <summary>Bytes that memory delivers at a time.</summary>
    public const int CacheLine = 64;

    /// <summary>How far ahead of its use a stream of weights is fetched: what memory delivers within its latency, and some more.</summary>
    public const int FetchBytes = 10 * 1024;

    /// <summary>How the weights are kept.</summary>
    public WeightFormat Format { get; } = format;

    /// <summary>Whether <see cref="Multiply"/> takes activations as <see cref="QuantizedRow"/> writes them, not as floats.</summary>
    public virtual bool TakesQuantizedRows => false;

    /// <summary>Bytes of a panel.</summary>
    public abstract long PanelBytes(int inputs);

    /// <summary>Floats that an activation row takes the room of.</summary>
    public virtual int RowFloats(int inputs) => inputs;

    /// <summary>How many panels <see cref="Multiply"/> likes to be given: few rows are multiplied with several at a time.</summary>
    /// <param name="rows">Activation rows.</param>
    public virtual int PanelsAtOnce(int rows) => rows switch { <= 2 => 4, <= 5 => 2, _ => 1 };

    /// <summary>y[r, :] (+)= x[r, :] · panels, for every row.</summary>
    /// <param name="panels">Weights of neighbouring panels, one behind the other.</param>
    /// <param name="count">Number of panels.</param>
    /// <param name="inputs">Length of the dot products.</param>
    /// <param name="rows">Activation rows, any number.</param>
    /// <param name="x">Activations [rows, inputs], quantised where <see cref="TakesQuantizedRows"/>.</param>
    /// <param name="xStride">Floats between rows of <paramref name="x"/>.</param>
    /// <param name="y">Outputs [rows, 32 · count].</param>
    /// <param name="yStride">Floats between rows of <paramref name="y"/>.</param>
    /// <param name="accumulate">Start from what y holds instead of from zero.</param>
    public abstract void Multiply(byte* panels, int count, int inputs, int rows, float* x, nint xStride, float* y, nint yStride, bool accumulate);

    /// <summary>Stores the weights of one output column (0..31).</summary>
    public abstract void WriteColumn(byte* panel, int column, ReadOnlySpan<float> weights);

    /// <summary>Stores the weights of the neighbouring output columns of a panel.</summary>
    /// <param name="panel">The panel.</param>
    /// <param name="first">First column.</param>
    /// <param name="columns">Their weights, one column behind the other.</param>
    /// <param name="inputs">Weights of a column.</param>
    public virtual void WriteColumns(byte* panel, int first, ReadOnlySpan<float> columns, int inputs)
    {
        for (var column = 0; column < columns.Length / inputs; column++)
        {
            WriteColumn(panel, first + column, columns.Slice(column * inputs, inputs));
        }
    }

    /// <summary>Reads the weights of one output column (0..31), widened to float32.</summary>
    public abstract void ReadColumn(byte* panel, int column, Span<float> weights);

    /// <summary>The kernel of the same weights uncompressed; this one where nothing is compressed.</summary>
    public virtual PanelKernel Uncompressed => this;

    /// <summary>Copies an output column into a panel of <see cref="Uncompressed"/>, exactly.</summary>
    /// <param name="source">A panel of this kernel's.</param>
    /// <param name="column">Its column (0..31).</param>
    /// <param name="panel">The panel.</param>
    /// <param name="target">The panel's column (0..31).</param>
    /// <param name="inputs">Inputs of both.</param>
    public abstract void CopyColumn(byte* source, int column, byte* panel, int target, int inputs);

    /// <summary>The kernel for a weight format on a vector path.</summary>
    /// <param name="format">How the weights are kept.</param>
    /// <param name="path">Vector width.</param>
    /// <param name="streamed">Whether the weights come from memory rather than from a cache: the layout and the results are the same.</param>
    public static PanelKernel Create(WeightFormat format, SimdPath path, bool streamed = false) => (format, path) switch
    {
        (WeightFormat.F32, SimdPath.Avx512) => new PanelKernel<Avx512Lanes, Vector512<float>, F32Panel>(format, streamed),
        (WeightFormat.F32, SimdPath.Avx2) => new PanelKernel<Avx2Lanes, Vector256<float>, F32Panel>(format, streamed),
        (WeightFormat.F32, SimdPath.Portable) => new PanelKernel<PortableLanes, Vector128<float>, F32Panel>(format, streamed),
        (WeightFormat.BF16, SimdPath.Avx512) => new PanelKernel<Avx512Lanes, Vector512<float>, Bf16Panel>(format, streamed),
        (WeightFormat.BF16, SimdPath.Avx2) => new PanelKernel<Avx2Lanes, Vector256<float>, Bf16Panel>(format, streamed),
        (WeightFormat.BF16, SimdPath.Portable) => new PanelKernel<PortableLanes, Vector128<float>, Bf16Panel>(format, streamed),
        (WeightFormat.Int8 or WeightFormat.Int4, _) => Create(format, DotPaths.Of(format, path)),
        _ => throw new ArgumentOutOfRangeException(nameof(format), $"no panel kernel for {format} on {path}"),
    };

    /// <summary>The kernel for a weight format on a vector path where the weights are compressed.</summary>
    public static CompressedKernel CreateCompressed(WeightFormat format, SimdPath path) => (format, path) switch
    {
        (WeightFormat.F32, SimdPath.Avx512) => new CompressedKernel<Avx512Lanes, Vector512<float>, F32Panel>(format),
        (WeightFormat.F32, SimdPath.Avx2) => new CompressedKernel<Avx2Lanes, Vector256<float>, F32Panel>(format),
        (WeightFormat.F32, SimdPath.Portable) => new CompressedKernel<PortableLanes, Vector128<float>, F32Panel>(format),
        (WeightFormat.BF16, SimdPath.Avx512) => new CompressedKernel<Avx512Lanes, Vector512<float>, Bf16Panel>(format),
        (WeightFormat.BF16, SimdPath.Avx2) => new CompressedKernel<Avx2Lanes, Vector256<float>, Bf16Panel>(format),
        (WeightFormat.BF16, SimdPath.Portable) => new CompressedKernel<PortableLanes, Vector128<float>, Bf16Panel>(format),
        _ => throw new ArgumentOutOfRangeException(nameof(format), $"no compressed kernel for {format} on {path}"),
    };

    /// <summary>The kernel for a quantised weight format on a path.</summary>
    public static BlockKernel Create(WeightFormat format, DotPath path) => (format, path) switch
    {
        (WeightFormat.Int8, DotPath.AvxVnni) => new BlockKernel<AvxVnniDotLanes, Vector256<int>, Avx2Lanes, Vector256<float>, Int8Blocks>(format),
        (WeightFormat.Int8, DotPath.Avx512) => new BlockKernel<Avx512DotLanes, Vector512<int>, Avx512Lanes, Vector512<float>, Int8Blocks>(format),
        (WeightFormat.Int8, DotPath.Avx2) => new BlockKernel<Avx2DotLanes, Vector256<int>, Avx2Lanes, Vector256<float>, Int8Blocks>(format),
        (WeightFormat.Int8, DotPath.Portable) => new BlockKernel<PortableDotLanes, Vector128<int>, PortableLanes, Vector128<float>, Int8Blocks>(format),
        (WeightFormat.Int4, DotPath.AvxVnni) => new BlockKernel<AvxVnniDotLanes, Vector256<int>, Avx2Lanes, Vector256<float>, Int4Blocks>(format),
        (WeightFormat.Int4, DotPath.Avx512) => new BlockKernel<Avx512DotLanes, Vector512<int>, Avx512Lanes, Vector512<float>, Int4Blocks>(format),
        (WeightFormat.Int4, DotPath.Avx2) => new BlockKernel<Avx2DotLanes, Vector256<int>, Avx2Lanes, Vector256<float>, Int4Blocks>(format),
        (WeightFormat.Int4, DotPath.Portable) => new BlockKernel<PortableDotLanes, Vector128<int>, PortableLanes, Vector128<float>, Int4Blocks>(format),
        _ => throw new ArgumentOutOfRangeException(nameof(format), $"no block kernel for {format} on {path}"),
    };

    /// <summary>Asks for memory that will be read soon.</summary>
    public static void Prefetch(byte* from, int bytes)
    {
        if (Sse.IsSupported)
        {
            for (var line = 0; line < bytes; line += CacheLine)
            {
                Sse.Prefetch1(from + line);
            }
        }
    }
}

/// <inheritdoc/>
internal sealed unsafe class PanelKernel<TLanes, TVector, TFormat>(WeightFormat format, bool streamed) : PanelKernel(format)
    where TLanes : ILanes<TVector>
    where TVector : struct
    where TFormat : IPanelFormat
{
    /// <summary>Bytes of a pair's slice along k: it stays in the second-level cache while several tiles pass over it.</summary>
    private const int SliceBytes = 256 * 1024;

    /// <summary>Inputs of a slice at most: a tile's activations stay in the second-level cache with it.</summary>
    private const int SliceInputs = 4096;

    /// <summary>Inputs that are packed at a time.</summary>
    private const int WrittenInputs = 64;

    public override long PanelBytes(int inputs) => (long)inputs * Width * TFormat.Bytes;

    private static int Pairs => 16 / TLanes.Count;

    public override void Multiply(byte* panels, int count, int inputs, int rows, float* x, nint xStride, float* y, nint yStride, bool accumulate)
    {
        var pairs = count * Pairs;
        if (rows > TileRows<TLanes, TVector>.Most)
        {
            MultiplySlices(panels, pairs, inputs, rows, x, xStride, y, yStride, accumulate);
            return;
        }

        var pairBytes = (nint)inputs * PanelTiles<TLanes, TVector, TFormat>.PairBytes;
        for (int pair = 0, taken; pair < pairs; pair += taken)
        {
            taken = PairsOfTile(rows, pairs - pair);
            var w = panels + (pair * pairBytes);
            switch (taken)
            {
                case 4:
                    PanelTiles<TLanes, TVector, TFormat>.FourPairs(
                        w, inputs, x, y + Column(pair), y + Column(pair + 1), y + Column(pair + 2), y + Column(pair + 3), accumulate, pairBytes);
                    break;
                case 2:
                    TileRows<TLanes, TVector>.Run(
                        rows, new PanelTiles<TLanes, TVector, TFormat>.TwoPairs(w, pairBytes, Column(pair + 1) - Column(pair)),
                        inputs, x, xStride, y + Column(pair), yStride, accumulate);
                    break;
                default:
                    TileRows<TLanes, TVector>.Run(
                        rows, new PanelTiles<TLanes, TVector, TFormat>.OnePair(w), inputs, x, xStride, y + Column(pair), yStride, accumulate);
                    break;
            }
        }
    }

    public override void WriteColumn(byte* panel, int column, ReadOnlySpan<float> weights) => WriteColumns(panel, column, weights, weights.Length);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void WriteColumns(byte* panel, int first, ReadOnlySpan<float> columns, int inputs)
    {
        // A stretch of inputs after the other, so that what all columns write to together stays in the first-level cache.
        for (var k = 0; k < inputs; k += WrittenInputs)
        {
            var count = Math.Min(WrittenInputs, inputs - k);
            if (columns.Length == Width * inputs)
            {
                for (var low = 0; low < Width / 2; low++)
                {
                    TFormat.WriteBoth(
                        Cell(panel, low, inputs) + ((nint)k * PanelTiles<TLanes, TVector, TFormat>.PairBytes),
                        TLanes.Count,
                        low % TLanes.Count,
                        columns.Slice((low * inputs) + k, count),
                        columns.Slice(((low + (Width / 2)) * inputs) + k, count));
                }

                continue;
            }

            for (var column = first; column < first + (columns.Length / inputs); column++)
            {
                var cell = Cell(panel, column, inputs) + ((nint)k * PanelTiles<TLanes, TVector, TFormat>.PairBytes);
                foreach (var weight in columns.Slice(((column - first) * inputs) + k, count))
                {
                    TFormat.Write(cell, TLanes.Count, column % TLanes.Count, upper: column >= 16, weight);
                    cell += PanelTiles<TLanes, TVector, TFormat>.PairBytes;
                }
            }
        }
    }

    public override void ReadColumn(byte* panel, int column, Span<float> weights)
    {
        var cell = Cell(panel, column, weights.Length);
        foreach (ref var weight in weights)
        {
            weight = TFormat.Read(cell, TLanes.Count, column % TLanes.Count, upper: column >= 16);
            cell += PanelTiles<TLanes, TVector, TFormat>.PairBytes;
        }
    }

    public override void CopyColumn(byte* source, int column, byte* panel, int target, int inputs)
    {
        var from = Cell(source, column, inputs);
        var to = Cell(panel, target, inputs);
        for (var k = 0; k < inputs; k++)
        {
            TFormat.Write(to, TLanes.Count, target % TLanes.Count, target >= 16, TFormat.Read(from, TLanes.Count, column % TLanes.Count, column >= 16));
            from += PanelTiles<TLanes, TVector, TFormat>.PairBytes;
            to += PanelTiles<TLanes, TVector, TFormat>.PairBytes;
        }
    }

    /// <summary>
    /// Many rows: the weights are taken in slices along k, which the tiles after the first find in the cache. Partial sums go through y,
    /// which loses nothing and keeps the order of additions.
    /// </summary>
    private static void MultiplySlices(byte* w, int pairs, int inputs, int rows, float* x, nint xStride, float* y, nint yStride, bool accumulate)
    {
        // Rows are dealt evenly: of tiles of at most 14, 15 rows become 8 and 7, not 14 and 1.
        var tiles = (rows + TileRows<TLanes, TVector>.Most - 1) / TileRows<TLanes, TVector>.Most;
        var pairBytes = (nint)inputs * PanelTiles<TLanes, TVector, TFormat>.PairBytes;
        var slice = Math.Min(SliceInputs, SliceBytes / PanelTiles<TLanes, TVector, TFormat>.PairBytes);
        for (var k = 0; k < inputs; k += slice)
        {
            var count = Math.Min(slice, inputs - k);

            // Where slices are not all of the inputs, what is read behind a slice's end is its beginning again, or the next pair's.
            var last = slice < inputs ? Math.Min(count, FetchBytes / PanelTiles<TLanes, TVector, TFormat>.PairBytes) : 0;
            for (var pair = 0; pair < pairs; pair++)
            {
                var wSlice = w + (pair * pairBytes) + ((nint)k * PanelTiles<TLanes, TVector, TFormat>.PairBytes);
                var wLast = wSlice + ((nint)(count - last) * PanelTiles<TLanes, TVector, TFormat>.PairBytes);
                for (int tile = 0, row = 0; tile < tiles; tile++)
                {
                    var rowsOfTile = (rows - row + tiles - tile - 1) / (tiles - tile);
                    var xTile = x + (row * xStride) + k;
                    var yTile = y + (row * yStride) + Column(pair);
                    TileRows<TLanes, TVector>.Run(
                        rowsOfTile, new PanelTiles<TLanes, TVector, TFormat>.OnePair(wSlice), count - last, xTile, xStride, yTile, yStride, accumulate || k > 0);
                    row += rowsOfTile;
                    if (last > 0)
                    {
                        var next = row < rows ? wSlice : wSlice + pairBytes;
                        TileRows<TLanes, TVector>.Run(
                            rowsOfTile, new PanelTiles<TLanes, TVector, TFormat>.OnePair(wLast, (nint)(next - wLast)),
                            last, xTile + count - last, xStride, yTile, yStride, accumulate: true);
                    }
                }
            }
        }
    }

    /// <summary>
    /// How many of the pairs that are left a tile of so many rows takes: 1, 2 or 4. Of weights that a cache holds, the fewer the rows, the more pairs at a time,
    /// so that enough chains of additions are in flight. Weights that come from memory are one stream, pair after pair, which memory is asked for far ahead.
    /// </summary>
    private int PairsOfTile(int rows, int left) =>
        IsOneStream(rows) ? 1
        : rows <= PanelTiles<TLanes, TVector, TFormat>.MaxRowsOfFourPairs && left >= 4 ? 4
        : rows <= PanelTiles<TLanes, TVector, TFormat>.MaxRowsOfTwoPairs && left >= 2 ? 2
        : 1;

    /// <summary>
    /// Whether weights are asked for ahead: those that come from memory, and of a far cache's those that fill two lines an input, where a few rows have something to compute meanwhile. One row does that
    /// line by line alone: where an input fills more, the hardware keeps up with several streams, and where it fills less, more chains of additions must be in flight.
    /// </summary>
    private bool IsOneStream(int rows) => Sse.IsSupported && rows switch
    {
        1 => streamed && PanelTiles<TLanes, TVector, TFormat>.PairBytes == CacheLine,
        2 => streamed,
        _ => streamed || PanelTiles<TLanes, TVector, TFormat>.PairBytes > CacheLine,
    };

    /// <summary>First output column of a pair, counted over all panels.</summary>
    private static int Column(int pair) => (pair / Pairs * Width) + (pair % Pairs * TLanes.Count);

    private static byte* Cell(byte* panel, int column, int inputs) =>
        panel + ((nint)(column % 16 / TLanes.Count) * inputs * PanelTiles<TLanes, TVector, TFormat>.PairBytes);
}
