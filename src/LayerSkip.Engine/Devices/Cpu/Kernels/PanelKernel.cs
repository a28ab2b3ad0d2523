using System.Runtime.Intrinsics;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>Multiplies activation rows with panels of weights, at one vector width and in one weight format.</summary>
internal abstract unsafe class PanelKernel
{
    /// <summary>Output columns of a panel.</summary>
    public const int Width = 32;

    /// <summary>Bytes of one input's weights in a panel.</summary>
    public abstract int RowBytes { get; }

    /// <summary>y[r, 0..32) (+)= x[r, :] · panel, for every row.</summary>
    /// <param name="panel">Weights [inputs, 32].</param>
    /// <param name="inputs">Length of the dot products.</param>
    /// <param name="rows">Activation rows, any number.</param>
    /// <param name="x">Activations [rows, inputs].</param>
    /// <param name="xStride">Floats between rows of <paramref name="x"/>.</param>
    /// <param name="y">Outputs [rows, 32].</param>
    /// <param name="yStride">Floats between rows of <paramref name="y"/>.</param>
    /// <param name="accumulate">Start from what y holds instead of from zero.</param>
    public abstract void Multiply(byte* panel, int inputs, int rows, float* x, nint xStride, float* y, nint yStride, bool accumulate);

    /// <summary>Stores the weights of one output column (0..31).</summary>
    public abstract void WriteColumn(byte* panel, int column, ReadOnlySpan<float> weights);

    /// <summary>Reads the weights of one output column (0..31), widened to float32.</summary>
    public abstract void ReadColumn(byte* panel, int column, Span<float> weights);

    /// <summary>The kernel for a weight format on a vector path.</summary>
    public static PanelKernel Create(WeightFormat format, SimdPath path) => (format, path) switch
    {
        (WeightFormat.F32, SimdPath.Avx512) => new PanelKernel<Avx512Lanes, Vector512<float>, F32Panel>(),
        (WeightFormat.F32, SimdPath.Avx2) => new PanelKernel<Avx2Lanes, Vector256<float>, F32Panel>(),
        (WeightFormat.F32, SimdPath.Portable) => new PanelKernel<PortableLanes, Vector128<float>, F32Panel>(),
        (WeightFormat.BF16, SimdPath.Avx512) => new PanelKernel<Avx512Lanes, Vector512<float>, Bf16Panel>(),
        (WeightFormat.BF16, SimdPath.Avx2) => new PanelKernel<Avx2Lanes, Vector256<float>, Bf16Panel>(),
        (WeightFormat.BF16, SimdPath.Portable) => new PanelKernel<PortableLanes, Vector128<float>, Bf16Panel>(),
        _ => throw new ArgumentOutOfRangeException(nameof(format), $"no panel kernel for {format} on {path}"),
    };
}

/// <inheritdoc/>
internal sealed unsafe class PanelKernel<TLanes, TVector, TFormat> : PanelKernel
    where TLanes : ILanes<TVector>
    where TVector : struct
    where TFormat : IPanelFormat
{
    /// <summary>Panel bytes that stay in the first-level cache while several tiles pass over them.</summary>
    private const int SliceBytes = 16 * 1024;

    public override int RowBytes => Width * TFormat.Bytes;

    private static int Pairs => 16 / TLanes.Count;

    public override void Multiply(byte* panel, int inputs, int rows, float* x, nint xStride, float* y, nint yStride, bool accumulate)
    {
        var pairBytes = (nint)inputs * PanelTiles<TLanes, TVector, TFormat>.PairBytes;
        if (Pairs > 1 && rows <= PanelTiles<TLanes, TVector, TFormat>.MaxRowsOfTwoPairs)
        {
            for (var pair = 0; pair < Pairs; pair += 2)
            {
                PanelTiles<TLanes, TVector, TFormat>.TwoPairs(
                    rows, panel + (pair * pairBytes), inputs, x, xStride, y + (pair * TLanes.Count), yStride, accumulate, toNext: pairBytes);
            }
        }
        else
        {
            for (var pair = 0; pair < Pairs; pair++)
            {
                MultiplyPair(panel + (pair * pairBytes), inputs, rows, x, xStride, y + (pair * TLanes.Count), yStride, accumulate);
            }
        }
    }

    public override void WriteColumn(byte* panel, int column, ReadOnlySpan<float> weights)
    {
        var cell = Cell(panel, column, weights.Length);
        foreach (var weight in weights)
        {
            TFormat.Write(cell, TLanes.Count, column % TLanes.Count, upper: column >= 16, weight);
            cell += PanelTiles<TLanes, TVector, TFormat>.PairBytes;
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

    private static void MultiplyPair(byte* w, int inputs, int rows, float* x, nint xStride, float* y, nint yStride, bool accumulate)
    {
        // Rows are dealt evenly: 7 rows become tiles of 4 and 3, not of 6 and 1.
        var tiles = (rows + PanelTiles<TLanes, TVector, TFormat>.MaxRows - 1) / PanelTiles<TLanes, TVector, TFormat>.MaxRows;

        // One tile streams the pair once. Several take it in slices along k, which they find in the cache after the first;
        // partial sums go through y, which loses nothing and keeps the order of additions.
        var slice = tiles == 1 ? inputs : SliceBytes / PanelTiles<TLanes, TVector, TFormat>.PairBytes;
        for (var k = 0; k < inputs; k += slice)
        {
            var count = Math.Min(slice, inputs - k);
            var bytes = (nint)count * PanelTiles<TLanes, TVector, TFormat>.PairBytes;
            for (int tile = 0, row = 0; tile < tiles; tile++)
            {
                // The first tile also fetches the next slice, so that memory is not idle while the others compute.
                var rowsOfTile = (rows - row + tiles - tile - 1) / (tiles - tile);
                PanelTiles<TLanes, TVector, TFormat>.OnePair(
                    rowsOfTile, w, count, x + (row * xStride) + k, xStride, y + (row * yStride), yStride, accumulate || k > 0, ahead: tile == 0 ? bytes : 0);
                row += rowsOfTile;
            }

            w += bytes;
        }
    }

    private static byte* Cell(byte* panel, int column, int inputs) =>
        panel + ((nint)(column % 16 / TLanes.Count) * inputs * PanelTiles<TLanes, TVector, TFormat>.PairBytes);
}
