using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>Register tiles: R activation rows times one, two or four column pairs, accumulated over k in ascending order.</summary>
/// <remarks>
/// Every output element is one chain of fused multiply-adds over k = 0, 1, 2, ... whatever the tile, the vector width
/// and the number of rows: that is invariant I1 (row independence), and why all paths agree bit for bit.
/// A tile is generic over its rows (PanelTiles.Rows.cs), so that each number of rows is compiled with its accumulators in registers.
/// </remarks>
internal static unsafe partial class PanelTiles<TLanes, TVector, TFormat>
    where TLanes : ILanes<TVector>
    where TVector : struct
    where TFormat : IPanelFormat
{
    /// <summary>Bytes of one input's weights of a pair.</summary>
    public static int PairBytes
    {
        // Inlined by force: a call within a tile's loop would spill every accumulator.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 2 * TLanes.Count * TFormat.Bytes;
    }

    /// <summary>Most rows of a tile with two pairs: more would need more than the 16 registers of 256 bits, or the 32 of 512.</summary>
    public static int MaxRowsOfTwoPairs
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TLanes.Count == 16 ? 5 : 2;
    }

    /// <summary>Most rows of a tile with four pairs.</summary>
    public const int MaxRowsOfFourPairs = 1;

    /// <summary>How far ahead of its use a stream of weights is fetched: what memory delivers within its latency, and some more.</summary>
    public const int FetchBytes = 10 * 1024;

    /// <summary>Most rows of a tile with one pair: two accumulators a row leave four of 16 or 32 registers, for a pair's weights, an activation and a mask.</summary>
    public static int MostRows
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TLanes.Count == 16 ? 14 : 6;
    }

    /// <summary>One pair: columns [0, W) and [16, 16 + W) relative to <paramref name="y"/>.</summary>
    /// <param name="rows">1 .. <see cref="MostRows"/>.</param>
    /// <param name="w">The pair's first weights; the next input's are <see cref="PairBytes"/> further.</param>
    /// <param name="inputs">How many k to run over.</param>
    /// <param name="x">Activations [rows, inputs], rows <paramref name="xStride"/> floats apart.</param>
    /// <param name="xStride">Floats between rows of <paramref name="x"/>.</param>
    /// <param name="y">Outputs, rows <paramref name="yStride"/> floats apart.</param>
    /// <param name="yStride">Floats between rows of <paramref name="y"/>.</param>
    /// <param name="accumulate">Start from what y holds instead of from zero.</param>
    /// <param name="ahead">Bytes from weights to those that are fetched while they are used.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no tile of so many rows.</exception>
    public static void OnePair(int rows, byte* w, int inputs, float* x, nint xStride, float* y, nint yStride, bool accumulate, nint ahead = FetchBytes)
    {
        switch (rows)
        {
            case 1: Tile<One>(w, inputs, x, xStride, y, yStride, accumulate, ahead); break;
            case 2: Tile<Then<One, One>>(w, inputs, x, xStride, y, yStride, accumulate, ahead); break;
            case 3: Tile<Three>(w, inputs, x, xStride, y, yStride, accumulate, ahead); break;
            case 4: Tile<Then<Three, One>>(w, inputs, x, xStride, y, yStride, accumulate, ahead); break;
            case 5: Tile<Then<Three, Then<One, One>>>(w, inputs, x, xStride, y, yStride, accumulate, ahead); break;
            case 6: Tile<Then<Three, Three>>(w, inputs, x, xStride, y, yStride, accumulate, ahead); break;
            case 7: Tile<Then<Three, Then<Three, One>>>(w, inputs, x, xStride, y, yStride, accumulate, ahead); break;
            case 8: Tile<Then<Three, Then<Three, Then<One, One>>>>(w, inputs, x, xStride, y, yStride, accumulate, ahead); break;
            case 9: Tile<Then<Three, Then<Three, Three>>>(w, inputs, x, xStride, y, yStride, accumulate, ahead); break;
            case 10: Tile<Then<Three, Then<Three, Then<Three, One>>>>(w, inputs, x, xStride, y, yStride, accumulate, ahead); break;
            case 11: Tile<Then<Three, Then<Three, Then<Three, Then<One, One>>>>>(w, inputs, x, xStride, y, yStride, accumulate, ahead); break;
            case 12: Tile<Then<Three, Then<Three, Then<Three, Three>>>>(w, inputs, x, xStride, y, yStride, accumulate, ahead); break;
            case 13: Tile<Then<Three, Then<Three, Then<Three, Then<Three, One>>>>>(w, inputs, x, xStride, y, yStride, accumulate, ahead); break;
            case 14: Tile<Then<Three, Then<Three, Then<Three, Then<Three, Then<One, One>>>>>>(w, inputs, x, xStride, y, yStride, accumulate, ahead); break;
            default: throw new ArgumentOutOfRangeException(nameof(rows), rows, $"a tile has 1 to {MostRows} rows");
        }
    }

    /// <summary>
    /// Two neighbouring pairs, for up to <see cref="MaxRowsOfTwoPairs"/> rows: twice as many chains in flight. The second pair's weights
    /// are <c>toNext</c> bytes behind the first one's, its columns begin at <c>yNext</c>.
    /// </summary>
    public static void TwoPairs(
        int rows, byte* w, int inputs, float* x, nint xStride, float* y, float* yNext, nint yStride, bool accumulate, nint toNext)
    {
        switch (rows)
        {
            case 1: TileOfTwoPairs<One>(w, inputs, x, xStride, y, yNext, yStride, accumulate, toNext); break;
            case 2: TileOfTwoPairs<Then<One, One>>(w, inputs, x, xStride, y, yNext, yStride, accumulate, toNext); break;
            case 3: TileOfTwoPairs<Three>(w, inputs, x, xStride, y, yNext, yStride, accumulate, toNext); break;
            case 4: TileOfTwoPairs<Then<Three, One>>(w, inputs, x, xStride, y, yNext, yStride, accumulate, toNext); break;
            case 5: TileOfTwoPairs<Then<Three, Then<One, One>>>(w, inputs, x, xStride, y, yNext, yStride, accumulate, toNext); break;
            default: throw new ArgumentOutOfRangeException(nameof(rows), rows, $"a tile of two pairs has 1 to {MaxRowsOfTwoPairs} rows");
        }
    }

    /// <summary>Four neighbouring pairs for one row: with fewer, weights that come from a cache would wait for the chains' latency.</summary>
    /// <param name="w">The first pair's first weights; those of the next pairs are <paramref name="toNext"/> bytes behind one another.</param>
    /// <param name="inputs">How many k to run over.</param>
    /// <param name="x">Activations [inputs].</param>
    /// <param name="y">Outputs of the first pair.</param>
    /// <param name="y1">Outputs of the second pair.</param>
    /// <param name="y2">Outputs of the third pair.</param>
    /// <param name="y3">Outputs of the fourth pair.</param>
    /// <param name="accumulate">Start from what y holds instead of from zero.</param>
    /// <param name="toNext">Bytes from a pair to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FourPairs(byte* w, int inputs, float* x, float* y, float* y1, float* y2, float* y3, bool accumulate, nint toNext)
    {
        One.Start(y, 0, accumulate, out var pair);
        One.Start(y1, 0, accumulate, out var pair1);
        One.Start(y2, 0, accumulate, out var pair2);
        One.Start(y3, 0, accumulate, out var pair3);
        for (nint k = 0; k < inputs; k++, w += PairBytes)
        {
            TFormat.LoadPair<TLanes, TVector>(w, out var low, out var high);
            pair.Add(x + k, 0, low, high);
            TFormat.LoadPair<TLanes, TVector>(w + toNext, out low, out high);
            pair1.Add(x + k, 0, low, high);
            TFormat.LoadPair<TLanes, TVector>(w + (2 * toNext), out low, out high);
            pair2.Add(x + k, 0, low, high);
            TFormat.LoadPair<TLanes, TVector>(w + (3 * toNext), out low, out high);
            pair3.Add(x + k, 0, low, high);
        }

        pair.Store(y, 0);
        pair1.Store(y1, 0);
        pair2.Store(y2, 0);
        pair3.Store(y3, 0);
    }

    // Unrolled once: the loop's own instructions would take a good part of the time of a tile of few rows.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile<TRows>(byte* w, int inputs, float* x, nint xStride, float* y, nint yStride, bool accumulate, nint ahead)
        where TRows : struct, IRows<TRows>
    {
        TRows.Start(y, yStride, accumulate, out var rows);
        for (; inputs >= 2; inputs -= 2, w += 2 * PairBytes, x += 2)
        {
            Fetch(w + ahead);
            TFormat.LoadPair<TLanes, TVector>(w, out var low, out var high);
            rows.Add(x, xStride, low, high);
            Fetch(w + ahead + PairBytes);
            TFormat.LoadPair<TLanes, TVector>(w + PairBytes, out low, out high);
            rows.Add(x + 1, xStride, low, high);
        }

        if (inputs > 0)
        {
            TFormat.LoadPair<TLanes, TVector>(w, out var low, out var high);
            rows.Add(x, xStride, low, high);
        }

        rows.Store(y, yStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TileOfTwoPairs<TRows>(
        byte* w, int inputs, float* x, nint xStride, float* y, float* yNext, nint yStride, bool accumulate, nint toNext)
        where TRows : struct, IRows<TRows>
    {
        TRows.Start(y, yStride, accumulate, out var pair);
        TRows.Start(yNext, yStride, accumulate, out var next);
        for (nint k = 0; k < inputs; k++, w += PairBytes)
        {
            TFormat.LoadPair<TLanes, TVector>(w, out var low, out var high);
            pair.Add(x + k, xStride, low, high);
            TFormat.LoadPair<TLanes, TVector>(w + toNext, out low, out high);
            next.Add(x + k, xStride, low, high);
        }

        pair.Store(y, yStride);
        next.Store(yNext, yStride);
    }

    /// <summary>Fetches what comes later: the hardware alone does not look far enough ahead while a tile computes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fetch(byte* weights)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(weights);
            if (PairBytes > PanelKernel.CacheLine)
            {
                Sse.Prefetch0(weights + PanelKernel.CacheLine);
            }
        }
    }
}
