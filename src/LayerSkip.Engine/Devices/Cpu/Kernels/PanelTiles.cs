using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>Register tiles: R activation rows times one, two or four column pairs, accumulated over k in ascending order.</summary>
/// <remarks>
/// Every output element is one chain of fused multiply-adds over k = 0, 1, 2, ... whatever the tile, the vector width
/// and the number of rows: that is invariant I1 (row independence), and why all paths agree bit for bit.
/// </remarks>
internal static unsafe class PanelTiles<TLanes, TVector, TFormat>
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
        TileRows<TLanes, TVector>.One.Start(y, 0, accumulate, out var pair);
        TileRows<TLanes, TVector>.One.Start(y1, 0, accumulate, out var pair1);
        TileRows<TLanes, TVector>.One.Start(y2, 0, accumulate, out var pair2);
        TileRows<TLanes, TVector>.One.Start(y3, 0, accumulate, out var pair3);
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

    /// <summary>One pair: columns [0, W) and [16, 16 + W) relative to y.</summary>
    /// <param name="w">The pair's first weights; the next input's are <see cref="PairBytes"/> further.</param>
    /// <param name="ahead">Bytes from weights to those that are fetched while they are used.</param>
    public readonly struct OnePair(byte* w, nint ahead = PanelKernel.FetchBytes) : TileRows<TLanes, TVector>.ITile
    {
        // Unrolled once: the loop's own instructions would take a good part of the time of a tile of few rows.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<TRows>(int inputs, float* x, nint xStride, float* y, nint yStride, bool accumulate)
            where TRows : struct, TileRows<TLanes, TVector>.IRows<TRows>
        {
            var weights = w;
            var fetched = ahead;
            TRows.Start(y, yStride, accumulate, out var rows);
            for (; inputs >= 2; inputs -= 2, weights += 2 * PairBytes, x += 2)
            {
                Fetch(weights + fetched);
                TFormat.LoadPair<TLanes, TVector>(weights, out var low, out var high);
                rows.Add(x, xStride, low, high);
                Fetch(weights + fetched + PairBytes);
                TFormat.LoadPair<TLanes, TVector>(weights + PairBytes, out low, out high);
                rows.Add(x + 1, xStride, low, high);
            }

            if (inputs > 0)
            {
                TFormat.LoadPair<TLanes, TVector>(weights, out var low, out var high);
                rows.Add(x, xStride, low, high);
            }

            rows.Store(y, yStride);
        }
    }

    /// <summary>Two neighbouring pairs, for up to <see cref="MaxRowsOfTwoPairs"/> rows: twice as many chains in flight.</summary>
    /// <param name="w">The first pair's first weights.</param>
    /// <param name="toNext">Bytes to the second pair's.</param>
    /// <param name="columns">From the first pair's columns to the second's.</param>
    public readonly struct TwoPairs(byte* w, nint toNext, nint columns) : TileRows<TLanes, TVector>.ITile
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<TRows>(int inputs, float* x, nint xStride, float* y, nint yStride, bool accumulate)
            where TRows : struct, TileRows<TLanes, TVector>.IRows<TRows>
        {
            if (TRows.Count > MaxRowsOfTwoPairs)
            {
                throw new ArgumentOutOfRangeException(nameof(TRows), TRows.Count, $"a tile of two pairs has 1 to {MaxRowsOfTwoPairs} rows");
            }

            var weights = w;
            var step = toNext;
            TRows.Start(y, yStride, accumulate, out var pair);
            TRows.Start(y + columns, yStride, accumulate, out var next);
            for (nint k = 0; k < inputs; k++, weights += PairBytes)
            {
                TFormat.LoadPair<TLanes, TVector>(weights, out var low, out var high);
                pair.Add(x + k, xStride, low, high);
                TFormat.LoadPair<TLanes, TVector>(weights + step, out low, out high);
                next.Add(x + k, xStride, low, high);
            }

            pair.Store(y, yStride);
            next.Store(y + columns, yStride);
        }
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
