using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>Register tiles: R activation rows times one or two column pairs of a panel, accumulated over k in ascending order.</summary>
/// <remarks>
/// Every output element is one chain of fused multiply-adds over k = 0, 1, 2, ... whatever the tile, the vector width
/// and the number of rows: that is invariant I1 (row independence), and why all paths agree bit for bit.
/// Accumulators are named r{row}{vector}; C# keeps them in registers only as separate locals. The tiles that prefill consists of
/// are unrolled once, since the loop's own instructions, not the arithmetic, are what they wait for.
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

    /// <summary>Most rows of a tile with one pair of vectors: 12 accumulators, enough to hide the latency of two FMA units.</summary>
    public const int MaxRows = 6;

    /// <summary>Most rows of a tile with two pairs; three would need more than 16 registers.</summary>
    public const int MaxRowsOfTwoPairs = 2;

    /// <summary>Most rows of a tile with four pairs.</summary>
    public const int MaxRowsOfFourPairs = 1;

    /// <summary>How far ahead of its use a stream of weights is fetched: what memory delivers within its latency, and some more.</summary>
    private const int FetchBytes = 6 * 1024;

    /// <summary>
    /// Most rows of a tile at this vector width: with 512 bits there are registers for 24 accumulators, so that a round of up to 12 rows passes
    /// over the weights once.
    /// </summary>
    public static int MostRows
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TLanes.Count == 16 ? 2 * MaxRows : MaxRows;
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
    public static void OnePair(int rows, byte* w, int inputs, float* x, nint xStride, float* y, nint yStride, bool accumulate)
    {
        switch (rows)
        {
            case 1: Tile1x1(w, inputs, x, y, accumulate); break;
            case 2: Tile2x1(w, inputs, x, xStride, y, yStride, accumulate); break;
            case 3: Tile3x1(w, inputs, x, xStride, y, yStride, accumulate); break;
            case 4: Tile4x1(w, inputs, x, xStride, y, yStride, accumulate); break;
            case 5: Tile5x1(w, inputs, x, xStride, y, yStride, accumulate); break;
            case 6: Tile6x1(w, inputs, x, xStride, y, yStride, accumulate); break;
            case 7: Tile7x1(w, inputs, (byte*)x, xStride * sizeof(float), y, yStride, accumulate); break;
            case 8: Tile8x1(w, inputs, (byte*)x, xStride * sizeof(float), y, yStride, accumulate); break;
            case 9: Tile9x1(w, inputs, (byte*)x, xStride * sizeof(float), y, yStride, accumulate); break;
            case 10: Tile10x1(w, inputs, (byte*)x, xStride * sizeof(float), y, yStride, accumulate); break;
            case 11: Tile11x1(w, inputs, (byte*)x, xStride * sizeof(float), y, yStride, accumulate); break;
            default: Tile12x1(w, inputs, (byte*)x, xStride * sizeof(float), y, yStride, accumulate); break;
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
            case 1: Tile1x2(w, inputs, x, y, yNext, accumulate, toNext); break;
            default: Tile2x2(w, inputs, x, xStride, y, yNext, yStride, accumulate, toNext); break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Start(float* y, bool accumulate) => accumulate ? TLanes.Load(y) : TLanes.Broadcast(0);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile1x1(byte* w, int inputs, float* x, float* y, bool accumulate)
    {
        TVector r00 = Start(y, accumulate), r01 = Start(y + 16, accumulate);
        for (nint k = 0; k < inputs; k++, w += PairBytes)
        {
            TFormat.LoadPair<TLanes, TVector>(w, out var w0, out var w1);
            var a0 = TLanes.Broadcast(x[k]);
            r00 = TLanes.MultiplyAdd(a0, w0, r00);
            r01 = TLanes.MultiplyAdd(a0, w1, r01);
        }

        TLanes.Store(r00, y);
        TLanes.Store(r01, y + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile2x1(byte* w, int inputs, float* x, nint xStride, float* y, nint yStride, bool accumulate)
    {
        float* x1 = x + xStride, y1 = y + yStride;
        TVector r00 = Start(y, accumulate), r01 = Start(y + 16, accumulate);
        TVector r10 = Start(y1, accumulate), r11 = Start(y1 + 16, accumulate);
        for (nint k = 0; k < inputs; k++, w += PairBytes)
        {
            TFormat.LoadPair<TLanes, TVector>(w, out var w0, out var w1);
            var a0 = TLanes.Broadcast(x[k]);
            r00 = TLanes.MultiplyAdd(a0, w0, r00);
            r01 = TLanes.MultiplyAdd(a0, w1, r01);
            var a1 = TLanes.Broadcast(x1[k]);
            r10 = TLanes.MultiplyAdd(a1, w0, r10);
            r11 = TLanes.MultiplyAdd(a1, w1, r11);
        }

        TLanes.Store(r00, y);
        TLanes.Store(r01, y + 16);
        TLanes.Store(r10, y1);
        TLanes.Store(r11, y1 + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile3x1(byte* w, int inputs, float* x, nint xStride, float* y, nint yStride, bool accumulate)
    {
        float* x1 = x + xStride, y1 = y + yStride;
        float* x2 = x1 + xStride, y2 = y1 + yStride;
        TVector r00 = Start(y, accumulate), r01 = Start(y + 16, accumulate);
        TVector r10 = Start(y1, accumulate), r11 = Start(y1 + 16, accumulate);
        TVector r20 = Start(y2, accumulate), r21 = Start(y2 + 16, accumulate);
        for (nint k = 0; k < inputs; k++, w += PairBytes)
        {
            TFormat.LoadPair<TLanes, TVector>(w, out var w0, out var w1);
            var a0 = TLanes.Broadcast(x[k]);
            r00 = TLanes.MultiplyAdd(a0, w0, r00);
            r01 = TLanes.MultiplyAdd(a0, w1, r01);
            var a1 = TLanes.Broadcast(x1[k]);
            r10 = TLanes.MultiplyAdd(a1, w0, r10);
            r11 = TLanes.MultiplyAdd(a1, w1, r11);
            var a2 = TLanes.Broadcast(x2[k]);
            r20 = TLanes.MultiplyAdd(a2, w0, r20);
            r21 = TLanes.MultiplyAdd(a2, w1, r21);
        }

        TLanes.Store(r00, y);
        TLanes.Store(r01, y + 16);
        TLanes.Store(r10, y1);
        TLanes.Store(r11, y1 + 16);
        TLanes.Store(r20, y2);
        TLanes.Store(r21, y2 + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile4x1(byte* w, int inputs, float* x, nint xStride, float* y, nint yStride, bool accumulate)
    {
        float* x1 = x + xStride, y1 = y + yStride;
        float* x2 = x1 + xStride, y2 = y1 + yStride;
        float* x3 = x2 + xStride, y3 = y2 + yStride;
        TVector r00 = Start(y, accumulate), r01 = Start(y + 16, accumulate);
        TVector r10 = Start(y1, accumulate), r11 = Start(y1 + 16, accumulate);
        TVector r20 = Start(y2, accumulate), r21 = Start(y2 + 16, accumulate);
        TVector r30 = Start(y3, accumulate), r31 = Start(y3 + 16, accumulate);
        for (nint k = 0; k < inputs; k++, w += PairBytes)
        {
            TFormat.LoadPair<TLanes, TVector>(w, out var w0, out var w1);
            var a0 = TLanes.Broadcast(x[k]);
            r00 = TLanes.MultiplyAdd(a0, w0, r00);
            r01 = TLanes.MultiplyAdd(a0, w1, r01);
            var a1 = TLanes.Broadcast(x1[k]);
            r10 = TLanes.MultiplyAdd(a1, w0, r10);
            r11 = TLanes.MultiplyAdd(a1, w1, r11);
            var a2 = TLanes.Broadcast(x2[k]);
            r20 = TLanes.MultiplyAdd(a2, w0, r20);
            r21 = TLanes.MultiplyAdd(a2, w1, r21);
            var a3 = TLanes.Broadcast(x3[k]);
            r30 = TLanes.MultiplyAdd(a3, w0, r30);
            r31 = TLanes.MultiplyAdd(a3, w1, r31);
        }

        TLanes.Store(r00, y);
        TLanes.Store(r01, y + 16);
        TLanes.Store(r10, y1);
        TLanes.Store(r11, y1 + 16);
        TLanes.Store(r20, y2);
        TLanes.Store(r21, y2 + 16);
        TLanes.Store(r30, y3);
        TLanes.Store(r31, y3 + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile5x1(byte* w, int inputs, float* x, nint xStride, float* y, nint yStride, bool accumulate)
    {
        float* x1 = x + xStride, y1 = y + yStride;
        float* x2 = x1 + xStride, y2 = y1 + yStride;
        float* x3 = x2 + xStride, y3 = y2 + yStride;
        float* x4 = x3 + xStride, y4 = y3 + yStride;
        TVector r00 = Start(y, accumulate), r01 = Start(y + 16, accumulate);
        TVector r10 = Start(y1, accumulate), r11 = Start(y1 + 16, accumulate);
        TVector r20 = Start(y2, accumulate), r21 = Start(y2 + 16, accumulate);
        TVector r30 = Start(y3, accumulate), r31 = Start(y3 + 16, accumulate);
        TVector r40 = Start(y4, accumulate), r41 = Start(y4 + 16, accumulate);
        nint k = 0;
        for (; k < inputs - 1; k += 2, w += 2 * PairBytes)
        {
            TFormat.LoadPair<TLanes, TVector>(w, out var w0, out var w1);
            var a0 = TLanes.Broadcast(x[k]);
            r00 = TLanes.MultiplyAdd(a0, w0, r00);
            r01 = TLanes.MultiplyAdd(a0, w1, r01);
            var a1 = TLanes.Broadcast(x1[k]);
            r10 = TLanes.MultiplyAdd(a1, w0, r10);
            r11 = TLanes.MultiplyAdd(a1, w1, r11);
            var a2 = TLanes.Broadcast(x2[k]);
            r20 = TLanes.MultiplyAdd(a2, w0, r20);
            r21 = TLanes.MultiplyAdd(a2, w1, r21);
            var a3 = TLanes.Broadcast(x3[k]);
            r30 = TLanes.MultiplyAdd(a3, w0, r30);
            r31 = TLanes.MultiplyAdd(a3, w1, r31);
            var a4 = TLanes.Broadcast(x4[k]);
            r40 = TLanes.MultiplyAdd(a4, w0, r40);
            r41 = TLanes.MultiplyAdd(a4, w1, r41);
            TFormat.LoadPair<TLanes, TVector>(w + PairBytes, out w0, out w1);
            a0 = TLanes.Broadcast(x[k + 1]);
            r00 = TLanes.MultiplyAdd(a0, w0, r00);
            r01 = TLanes.MultiplyAdd(a0, w1, r01);
            a1 = TLanes.Broadcast(x1[k + 1]);
            r10 = TLanes.MultiplyAdd(a1, w0, r10);
            r11 = TLanes.MultiplyAdd(a1, w1, r11);
            a2 = TLanes.Broadcast(x2[k + 1]);
            r20 = TLanes.MultiplyAdd(a2, w0, r20);
            r21 = TLanes.MultiplyAdd(a2, w1, r21);
            a3 = TLanes.Broadcast(x3[k + 1]);
            r30 = TLanes.MultiplyAdd(a3, w0, r30);
            r31 = TLanes.MultiplyAdd(a3, w1, r31);
            a4 = TLanes.Broadcast(x4[k + 1]);
            r40 = TLanes.MultiplyAdd(a4, w0, r40);
            r41 = TLanes.MultiplyAdd(a4, w1, r41);
        }

        if (k < inputs)
        {
            TFormat.LoadPair<TLanes, TVector>(w, out var w0, out var w1);
            var a0 = TLanes.Broadcast(x[k]);
            r00 = TLanes.MultiplyAdd(a0, w0, r00);
            r01 = TLanes.MultiplyAdd(a0, w1, r01);
            var a1 = TLanes.Broadcast(x1[k]);
            r10 = TLanes.MultiplyAdd(a1, w0, r10);
            r11 = TLanes.MultiplyAdd(a1, w1, r11);
            var a2 = TLanes.Broadcast(x2[k]);
            r20 = TLanes.MultiplyAdd(a2, w0, r20);
            r21 = TLanes.MultiplyAdd(a2, w1, r21);
            var a3 = TLanes.Broadcast(x3[k]);
            r30 = TLanes.MultiplyAdd(a3, w0, r30);
            r31 = TLanes.MultiplyAdd(a3, w1, r31);
            var a4 = TLanes.Broadcast(x4[k]);
            r40 = TLanes.MultiplyAdd(a4, w0, r40);
            r41 = TLanes.MultiplyAdd(a4, w1, r41);
        }

        TLanes.Store(r00, y);
        TLanes.Store(r01, y + 16);
        TLanes.Store(r10, y1);
        TLanes.Store(r11, y1 + 16);
        TLanes.Store(r20, y2);
        TLanes.Store(r21, y2 + 16);
        TLanes.Store(r30, y3);
        TLanes.Store(r31, y3 + 16);
        TLanes.Store(r40, y4);
        TLanes.Store(r41, y4 + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile6x1(byte* w, int inputs, float* x, nint xStride, float* y, nint yStride, bool accumulate)
    {
        float* x1 = x + xStride, y1 = y + yStride;
        float* x2 = x1 + xStride, y2 = y1 + yStride;
        float* x3 = x2 + xStride, y3 = y2 + yStride;
        float* x4 = x3 + xStride, y4 = y3 + yStride;
        float* x5 = x4 + xStride, y5 = y4 + yStride;
        TVector r00 = Start(y, accumulate), r01 = Start(y + 16, accumulate);
        TVector r10 = Start(y1, accumulate), r11 = Start(y1 + 16, accumulate);
        TVector r20 = Start(y2, accumulate), r21 = Start(y2 + 16, accumulate);
        TVector r30 = Start(y3, accumulate), r31 = Start(y3 + 16, accumulate);
        TVector r40 = Start(y4, accumulate), r41 = Start(y4 + 16, accumulate);
        TVector r50 = Start(y5, accumulate), r51 = Start(y5 + 16, accumulate);
        nint k = 0;
        for (; k < inputs - 1; k += 2, w += 2 * PairBytes)
        {
            TFormat.LoadPair<TLanes, TVector>(w, out var w0, out var w1);
            var a0 = TLanes.Broadcast(x[k]);
            r00 = TLanes.MultiplyAdd(a0, w0, r00);
            r01 = TLanes.MultiplyAdd(a0, w1, r01);
            var a1 = TLanes.Broadcast(x1[k]);
            r10 = TLanes.MultiplyAdd(a1, w0, r10);
            r11 = TLanes.MultiplyAdd(a1, w1, r11);
            var a2 = TLanes.Broadcast(x2[k]);
            r20 = TLanes.MultiplyAdd(a2, w0, r20);
            r21 = TLanes.MultiplyAdd(a2, w1, r21);
            var a3 = TLanes.Broadcast(x3[k]);
            r30 = TLanes.MultiplyAdd(a3, w0, r30);
            r31 = TLanes.MultiplyAdd(a3, w1, r31);
            var a4 = TLanes.Broadcast(x4[k]);
            r40 = TLanes.MultiplyAdd(a4, w0, r40);
            r41 = TLanes.MultiplyAdd(a4, w1, r41);
            var a5 = TLanes.Broadcast(x5[k]);
            r50 = TLanes.MultiplyAdd(a5, w0, r50);
            r51 = TLanes.MultiplyAdd(a5, w1, r51);
            TFormat.LoadPair<TLanes, TVector>(w + PairBytes, out w0, out w1);
            a0 = TLanes.Broadcast(x[k + 1]);
            r00 = TLanes.MultiplyAdd(a0, w0, r00);
            r01 = TLanes.MultiplyAdd(a0, w1, r01);
            a1 = TLanes.Broadcast(x1[k + 1]);
            r10 = TLanes.MultiplyAdd(a1, w0, r10);
            r11 = TLanes.MultiplyAdd(a1, w1, r11);
            a2 = TLanes.Broadcast(x2[k + 1]);
            r20 = TLanes.MultiplyAdd(a2, w0, r20);
            r21 = TLanes.MultiplyAdd(a2, w1, r21);
            a3 = TLanes.Broadcast(x3[k + 1]);
            r30 = TLanes.MultiplyAdd(a3, w0, r30);
            r31 = TLanes.MultiplyAdd(a3, w1, r31);
            a4 = TLanes.Broadcast(x4[k + 1]);
            r40 = TLanes.MultiplyAdd(a4, w0, r40);
            r41 = TLanes.MultiplyAdd(a4, w1, r41);
            a5 = TLanes.Broadcast(x5[k + 1]);
            r50 = TLanes.MultiplyAdd(a5, w0, r50);
            r51 = TLanes.MultiplyAdd(a5, w1, r51);
        }

        if (k < inputs)
        {
            TFormat.LoadPair<TLanes, TVector>(w, out var w0, out var w1);
            var a0 = TLanes.Broadcast(x[k]);
            r00 = TLanes.MultiplyAdd(a0, w0, r00);
            r01 = TLanes.MultiplyAdd(a0, w1, r01);
            var a1 = TLanes.Broadcast(x1[k]);
            r10 = TLanes.MultiplyAdd(a1, w0, r10);
            r11 = TLanes.MultiplyAdd(a1, w1, r11);
            var a2 = TLanes.Broadcast(x2[k]);
            r20 = TLanes.MultiplyAdd(a2, w0, r20);
            r21 = TLanes.MultiplyAdd(a2, w1, r21);
            var a3 = TLanes.Broadcast(x3[k]);
            r30 = TLanes.MultiplyAdd(a3, w0, r30);
            r31 = TLanes.MultiplyAdd(a3, w1, r31);
            var a4 = TLanes.Broadcast(x4[k]);
            r40 = TLanes.MultiplyAdd(a4, w0, r40);
            r41 = TLanes.MultiplyAdd(a4, w1, r41);
            var a5 = TLanes.Broadcast(x5[k]);
            r50 = TLanes.MultiplyAdd(a5, w0, r50);
            r51 = TLanes.MultiplyAdd(a5, w1, r51);
        }

        TLanes.Store(r00, y);
        TLanes.Store(r01, y + 16);
        TLanes.Store(r10, y1);
        TLanes.Store(r11, y1 + 16);
        TLanes.Store(r20, y2);
        TLanes.Store(r21, y2 + 16);
        TLanes.Store(r30, y3);
        TLanes.Store(r31, y3 + 16);
        TLanes.Store(r40, y4);
        TLanes.Store(r41, y4 + 16);
        TLanes.Store(r50, y5);
        TLanes.Store(r51, y5 + 16);
    }

    // Rows are addressed three to a pointer, by a stride in bytes: with a pointer for each, pointers would be spilled.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile7x1(byte* w, int inputs, byte* x, nint xStride, float* y, nint yStride, bool accumulate)
    {
        var x3 = x + (3 * xStride);
        var x6 = x3 + (3 * xStride);
        var y1 = y + yStride;
        var y2 = y1 + yStride;
        var y3 = y2 + yStride;
        var y4 = y3 + yStride;
        var y5 = y4 + yStride;
        var y6 = y5 + yStride;
        TVector r00 = Start(y, accumulate), r01 = Start(y + 16, accumulate);
        TVector r10 = Start(y1, accumulate), r11 = Start(y1 + 16, accumulate);
        TVector r20 = Start(y2, accumulate), r21 = Start(y2 + 16, accumulate);
        TVector r30 = Start(y3, accumulate), r31 = Start(y3 + 16, accumulate);
        TVector r40 = Start(y4, accumulate), r41 = Start(y4 + 16, accumulate);
        TVector r50 = Start(y5, accumulate), r51 = Start(y5 + 16, accumulate);
        TVector r60 = Start(y6, accumulate), r61 = Start(y6 + 16, accumulate);
        for (var k = 0; k < inputs; k++, w += PairBytes, x += sizeof(float), x3 += sizeof(float), x6 += sizeof(float))
        {
            TFormat.LoadPair<TLanes, TVector>(w, out var w0, out var w1);
            var a0 = TLanes.Broadcast(*(float*)x);
            r00 = TLanes.MultiplyAdd(a0, w0, r00);
            r01 = TLanes.MultiplyAdd(a0, w1, r01);
            var a1 = TLanes.Broadcast(*(float*)(x + xStride));
            r10 = TLanes.MultiplyAdd(a1, w0, r10);
            r11 = TLanes.MultiplyAdd(a1, w1, r11);
            var a2 = TLanes.Broadcast(*(float*)(x + (2 * xStride)));
            r20 = TLanes.MultiplyAdd(a2, w0, r20);
            r21 = TLanes.MultiplyAdd(a2, w1, r21);
            var a3 = TLanes.Broadcast(*(float*)x3);
            r30 = TLanes.MultiplyAdd(a3, w0, r30);
            r31 = TLanes.MultiplyAdd(a3, w1, r31);
            var a4 = TLanes.Broadcast(*(float*)(x3 + xStride));
            r40 = TLanes.MultiplyAdd(a4, w0, r40);
            r41 = TLanes.MultiplyAdd(a4, w1, r41);
            var a5 = TLanes.Broadcast(*(float*)(x3 + (2 * xStride)));
            r50 = TLanes.MultiplyAdd(a5, w0, r50);
            r51 = TLanes.MultiplyAdd(a5, w1, r51);
            var a6 = TLanes.Broadcast(*(float*)x6);
            r60 = TLanes.MultiplyAdd(a6, w0, r60);
            r61 = TLanes.MultiplyAdd(a6, w1, r61);
        }

        TLanes.Store(r00, y);
        TLanes.Store(r01, y + 16);
        TLanes.Store(r10, y1);
        TLanes.Store(r11, y1 + 16);
        TLanes.Store(r20, y2);
        TLanes.Store(r21, y2 + 16);
        TLanes.Store(r30, y3);
        TLanes.Store(r31, y3 + 16);
        TLanes.Store(r40, y4);
        TLanes.Store(r41, y4 + 16);
        TLanes.Store(r50, y5);
        TLanes.Store(r51, y5 + 16);
        TLanes.Store(r60, y6);
        TLanes.Store(r61, y6 + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile8x1(byte* w, int inputs, byte* x, nint xStride, float* y, nint yStride, bool accumulate)
    {
        var x3 = x + (3 * xStride);
        var x6 = x3 + (3 * xStride);
        var y1 = y + yStride;
        var y2 = y1 + yStride;
        var y3 = y2 + yStride;
        var y4 = y3 + yStride;
        var y5 = y4 + yStride;
        var y6 = y5 + yStride;
        var y7 = y6 + yStride;
        TVector r00 = Start(y, accumulate), r01 = Start(y + 16, accumulate);
        TVector r10 = Start(y1, accumulate), r11 = Start(y1 + 16, accumulate);
        TVector r20 = Start(y2, accumulate), r21 = Start(y2 + 16, accumulate);
        TVector r30 = Start(y3, accumulate), r31 = Start(y3 + 16, accumulate);
        TVector r40 = Start(y4, accumulate), r41 = Start(y4 + 16, accumulate);
        TVector r50 = Start(y5, accumulate), r51 = Start(y5 + 16, accumulate);
        TVector r60 = Start(y6, accumulate), r61 = Start(y6 + 16, accumulate);
        TVector r70 = Start(y7, accumulate), r71 = Start(y7 + 16, accumulate);
        for (var k = 0; k < inputs; k++, w += PairBytes, x += sizeof(float), x3 += sizeof(float), x6 += sizeof(float))
        {
            TFormat.LoadPair<TLanes, TVector>(w, out var w0, out var w1);
            var a0 = TLanes.Broadcast(*(float*)x);
            r00 = TLanes.MultiplyAdd(a0, w0, r00);
            r01 = TLanes.MultiplyAdd(a0, w1, r01);
            var a1 = TLanes.Broadcast(*(float*)(x + xStride));
            r10 = TLanes.MultiplyAdd(a1, w0, r10);
            r11 = TLanes.MultiplyAdd(a1, w1, r11);
            var a2 = TLanes.Broadcast(*(float*)(x + (2 * xStride)));
            r20 = TLanes.MultiplyAdd(a2, w0, r20);
            r21 = TLanes.MultiplyAdd(a2, w1, r21);
            var a3 = TLanes.Broadcast(*(float*)x3);
            r30 = TLanes.MultiplyAdd(a3, w0, r30);
            r31 = TLanes.MultiplyAdd(a3, w1, r31);
            var a4 = TLanes.Broadcast(*(float*)(x3 + xStride));
            r40 = TLanes.MultiplyAdd(a4, w0, r40);
            r41 = TLanes.MultiplyAdd(a4, w1, r41);
            var a5 = TLanes.Broadcast(*(float*)(x3 + (2 * xStride)));
            r50 = TLanes.MultiplyAdd(a5, w0, r50);
            r51 = TLanes.MultiplyAdd(a5, w1, r51);
            var a6 = TLanes.Broadcast(*(float*)x6);
            r60 = TLanes.MultiplyAdd(a6, w0, r60);
            r61 = TLanes.MultiplyAdd(a6, w1, r61);
            var a7 = TLanes.Broadcast(*(float*)(x6 + xStride));
            r70 = TLanes.MultiplyAdd(a7, w0, r70);
            r71 = TLanes.MultiplyAdd(a7, w1, r71);
        }

        TLanes.Store(r00, y);
        TLanes.Store(r01, y + 16);
        TLanes.Store(r10, y1);
        TLanes.Store(r11, y1 + 16);
        TLanes.Store(r20, y2);
        TLanes.Store(r21, y2 + 16);
        TLanes.Store(r30, y3);
        TLanes.Store(r31, y3 + 16);
        TLanes.Store(r40, y4);
        TLanes.Store(r41, y4 + 16);
        TLanes.Store(r50, y5);
        TLanes.Store(r51, y5 + 16);
        TLanes.Store(r60, y6);
        TLanes.Store(r61, y6 + 16);
        TLanes.Store(r70, y7);
        TLanes.Store(r71, y7 + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile9x1(byte* w, int inputs, byte* x, nint xStride, float* y, nint yStride, bool accumulate)
    {
        var x3 = x + (3 * xStride);
        var x6 = x3 + (3 * xStride);
        var y1 = y + yStride;
        var y2 = y1 + yStride;
        var y3 = y2 + yStride;
        var y4 = y3 + yStride;
        var y5 = y4 + yStride;
        var y6 = y5 + yStride;
        var y7 = y6 + yStride;
        var y8 = y7 + yStride;
        TVector r00 = Start(y, accumulate), r01 = Start(y + 16, accumulate);
        TVector r10 = Start(y1, accumulate), r11 = Start(y1 + 16, accumulate);
        TVector r20 = Start(y2, accumulate), r21 = Start(y2 + 16, accumulate);
        TVector r30 = Start(y3, accumulate), r31 = Start(y3 + 16, accumulate);
        TVector r40 = Start(y4, accumulate), r41 = Start(y4 + 16, accumulate);
        TVector r50 = Start(y5, accumulate), r51 = Start(y5 + 16, accumulate);
        TVector r60 = Start(y6, accumulate), r61 = Start(y6 + 16, accumulate);
        TVector r70 = Start(y7, accumulate), r71 = Start(y7 + 16, accumulate);
        TVector r80 = Start(y8, accumulate), r81 = Start(y8 + 16, accumulate);
        for (var k = 0; k < inputs; k++, w += PairBytes, x += sizeof(float), x3 += sizeof(float), x6 += sizeof(float))
        {
            TFormat.LoadPair<TLanes, TVector>(w, out var w0, out var w1);
            var a0 = TLanes.Broadcast(*(float*)x);
            r00 = TLanes.MultiplyAdd(a0, w0, r00);
            r01 = TLanes.MultiplyAdd(a0, w1, r01);
            var a1 = TLanes.Broadcast(*(float*)(x + xStride));
            r10 = TLanes.MultiplyAdd(a1, w0, r10);
            r11 = TLanes.MultiplyAdd(a1, w1, r11);
            var a2 = TLanes.Broadcast(*(float*)(x + (2 * xStride)));
            r20 = TLanes.MultiplyAdd(a2, w0, r20);
            r21 = TLanes.MultiplyAdd(a2, w1, r21);
            var a3 = TLanes.Broadcast(*(float*)x3);
            r30 = TLanes.MultiplyAdd(a3, w0, r30);
            r31 = TLanes.MultiplyAdd(a3, w1, r31);
            var a4 = TLanes.Broadcast(*(float*)(x3 + xStride));
            r40 = TLanes.MultiplyAdd(a4, w0, r40);
            r41 = TLanes.MultiplyAdd(a4, w1, r41);
            var a5 = TLanes.Broadcast(*(float*)(x3 + (2 * xStride)));
            r50 = TLanes.MultiplyAdd(a5, w0, r50);
            r51 = TLanes.MultiplyAdd(a5, w1, r51);
            var a6 = TLanes.Broadcast(*(float*)x6);
            r60 = TLanes.MultiplyAdd(a6, w0, r60);
            r61 = TLanes.MultiplyAdd(a6, w1, r61);
            var a7 = TLanes.Broadcast(*(float*)(x6 + xStride));
            r70 = TLanes.MultiplyAdd(a7, w0, r70);
            r71 = TLanes.MultiplyAdd(a7, w1, r71);
            var a8 = TLanes.Broadcast(*(float*)(x6 + (2 * xStride)));
            r80 = TLanes.MultiplyAdd(a8, w0, r80);
            r81 = TLanes.MultiplyAdd(a8, w1, r81);
        }

        TLanes.Store(r00, y);
        TLanes.Store(r01, y + 16);
        TLanes.Store(r10, y1);
        TLanes.Store(r11, y1 + 16);
        TLanes.Store(r20, y2);
        TLanes.Store(r21, y2 + 16);
        TLanes.Store(r30, y3);
        TLanes.Store(r31, y3 + 16);
        TLanes.Store(r40, y4);
        TLanes.Store(r41, y4 + 16);
        TLanes.Store(r50, y5);
        TLanes.Store(r51, y5 + 16);
        TLanes.Store(r60, y6);
        TLanes.Store(r61, y6 + 16);
        TLanes.Store(r70, y7);
        TLanes.Store(r71, y7 + 16);
        TLanes.Store(r80, y8);
        TLanes.Store(r81, y8 + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile10x1(byte* w, int inputs, byte* x, nint xStride, float* y, nint yStride, bool accumulate)
    {
        var x3 = x + (3 * xStride);
        var x6 = x3 + (3 * xStride);
        var x9 = x6 + (3 * xStride);
        var y1 = y + yStride;
        var y2 = y1 + yStride;
        var y3 = y2 + yStride;
        var y4 = y3 + yStride;
        var y5 = y4 + yStride;
        var y6 = y5 + yStride;
        var y7 = y6 + yStride;
        var y8 = y7 + yStride;
        var y9 = y8 + yStride;
        TVector r00 = Start(y, accumulate), r01 = Start(y + 16, accumulate);
        TVector r10 = Start(y1, accumulate), r11 = Start(y1 + 16, accumulate);
        TVector r20 = Start(y2, accumulate), r21 = Start(y2 + 16, accumulate);
        TVector r30 = Start(y3, accumulate), r31 = Start(y3 + 16, accumulate);
        TVector r40 = Start(y4, accumulate), r41 = Start(y4 + 16, accumulate);
        TVector r50 = Start(y5, accumulate), r51 = Start(y5 + 16, accumulate);
        TVector r60 = Start(y6, accumulate), r61 = Start(y6 + 16, accumulate);
        TVector r70 = Start(y7, accumulate), r71 = Start(y7 + 16, accumulate);
        TVector r80 = Start(y8, accumulate), r81 = Start(y8 + 16, accumulate);
        TVector r90 = Start(y9, accumulate), r91 = Start(y9 + 16, accumulate);
        for (var k = 0; k < inputs; k++, w += PairBytes, x += sizeof(float), x3 += sizeof(float), x6 += sizeof(float), x9 += sizeof(float))
        {
            TFormat.LoadPair<TLanes, TVector>(w, out var w0, out var w1);
            var a0 = TLanes.Broadcast(*(float*)x);
            r00 = TLanes.MultiplyAdd(a0, w0, r00);
            r01 = TLanes.MultiplyAdd(a0, w1, r01);
            var a1 = TLanes.Broadcast(*(float*)(x + xStride));
            r10 = TLanes.MultiplyAdd(a1, w0, r10);
            r11 = TLanes.MultiplyAdd(a1, w1, r11);
            var a2 = TLanes.Broadcast(*(float*)(x + (2 * xStride)));
            r20 = TLanes.MultiplyAdd(a2, w0, r20);
            r21 = TLanes.MultiplyAdd(a2, w1, r21);
            var a3 = TLanes.Broadcast(*(float*)x3);
            r30 = TLanes.MultiplyAdd(a3, w0, r30);
            r31 = TLanes.MultiplyAdd(a3, w1, r31);
            var a4 = TLanes.Broadcast(*(float*)(x3 + xStride));
            r40 = TLanes.MultiplyAdd(a4, w0, r40);
            r41 = TLanes.MultiplyAdd(a4, w1, r41);
            var a5 = TLanes.Broadcast(*(float*)(x3 + (2 * xStride)));
            r50 = TLanes.MultiplyAdd(a5, w0, r50);
            r51 = TLanes.MultiplyAdd(a5, w1, r51);
            var a6 = TLanes.Broadcast(*(float*)x6);
            r60 = TLanes.MultiplyAdd(a6, w0, r60);
            r61 = TLanes.MultiplyAdd(a6, w1, r61);
            var a7 = TLanes.Broadcast(*(float*)(x6 + xStride));
            r70 = TLanes.MultiplyAdd(a7, w0, r70);
            r71 = TLanes.MultiplyAdd(a7, w1, r71);
            var a8 = TLanes.Broadcast(*(float*)(x6 + (2 * xStride)));
            r80 = TLanes.MultiplyAdd(a8, w0, r80);
            r81 = TLanes.MultiplyAdd(a8, w1, r81);
            var a9 = TLanes.Broadcast(*(float*)x9);
            r90 = TLanes.MultiplyAdd(a9, w0, r90);
            r91 = TLanes.MultiplyAdd(a9, w1, r91);
        }

        TLanes.Store(r00, y);
        TLanes.Store(r01, y + 16);
        TLanes.Store(r10, y1);
        TLanes.Store(r11, y1 + 16);
        TLanes.Store(r20, y2);
        TLanes.Store(r21, y2 + 16);
        TLanes.Store(r30, y3);
        TLanes.Store(r31, y3 + 16);
        TLanes.Store(r40, y4);
        TLanes.Store(r41, y4 + 16);
        TLanes.Store(r50, y5);
        TLanes.Store(r51, y5 + 16);
        TLanes.Store(r60, y6);
        TLanes.Store(r61, y6 + 16);
        TLanes.Store(r70, y7);
        TLanes.Store(r71, y7 + 16);
        TLanes.Store(r80, y8);
        TLanes.Store(r81, y8 + 16);
        TLanes.Store(r90, y9);
        TLanes.Store(r91, y9 + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile11x1(byte* w, int inputs, byte* x, nint xStride, float* y, nint yStride, bool accumulate)
    {
        var x3 = x + (3 * xStride);
        var x6 = x3 + (3 * xStride);
        var x9 = x6 + (3 * xStride);
        var y1 = y + yStride;
        var y2 = y1 + yStride;
        var y3 = y2 + yStride;
        var y4 = y3 + yStride;
        var y5 = y4 + yStride;
        var y6 = y5 + yStride;
        var y7 = y6 + yStride;
        var y8 = y7 + yStride;
        var y9 = y8 + yStride;
        var y10 = y9 + yStride;
        TVector r00 = Start(y, accumulate), r01 = Start(y + 16, accumulate);
        TVector r10 = Start(y1, accumulate), r11 = Start(y1 + 16, accumulate);
        TVector r20 = Start(y2, accumulate), r21 = Start(y2 + 16, accumulate);
        TVector r30 = Start(y3, accumulate), r31 = Start(y3 + 16, accumulate);
        TVector r40 = Start(y4, accumulate), r41 = Start(y4 + 16, accumulate);
        TVector r50 = Start(y5, accumulate), r51 = Start(y5 + 16, accumulate);
        TVector r60 = Start(y6, accumulate), r61 = Start(y6 + 16, accumulate);
        TVector r70 = Start(y7, accumulate), r71 = Start(y7 + 16, accumulate);
        TVector r80 = Start(y8, accumulate), r81 = Start(y8 + 16, accumulate);
        TVector r90 = Start(y9, accumulate), r91 = Start(y9 + 16, accumulate);
        TVector r100 = Start(y10, accumulate), r101 = Start(y10 + 16, accumulate);
        for (var k = 0; k < inputs; k++, w += PairBytes, x += sizeof(float), x3 += sizeof(float), x6 += sizeof(float), x9 += sizeof(float))
        {
            TFormat.LoadPair<TLanes, TVector>(w, out var w0, out var w1);
            var a0 = TLanes.Broadcast(*(float*)x);
            r00 = TLanes.MultiplyAdd(a0, w0, r00);
            r01 = TLanes.MultiplyAdd(a0, w1, r01);
            var a1 = TLanes.Broadcast(*(float*)(x + xStride));
            r10 = TLanes.MultiplyAdd(a1, w0, r10);
            r11 = TLanes.MultiplyAdd(a1, w1, r11);
            var a2 = TLanes.Broadcast(*(float*)(x + (2 * xStride)));
            r20 = TLanes.MultiplyAdd(a2, w0, r20);
            r21 = TLanes.MultiplyAdd(a2, w1, r21);
            var a3 = TLanes.Broadcast(*(float*)x3);
            r30 = TLanes.MultiplyAdd(a3, w0, r30);
            r31 = TLanes.MultiplyAdd(a3, w1, r31);
            var a4 = TLanes.Broadcast(*(float*)(x3 + xStride));
            r40 = TLanes.MultiplyAdd(a4, w0, r40);
            r41 = TLanes.MultiplyAdd(a4, w1, r41);
            var a5 = TLanes.Broadcast(*(float*)(x3 + (2 * xStride)));
            r50 = TLanes.MultiplyAdd(a5, w0, r50);
            r51 = TLanes.MultiplyAdd(a5, w1, r51);
            var a6 = TLanes.Broadcast(*(float*)x6);
            r60 = TLanes.MultiplyAdd(a6, w0, r60);
            r61 = TLanes.MultiplyAdd(a6, w1, r61);
            var a7 = TLanes.Broadcast(*(float*)(x6 + xStride));
            r70 = TLanes.MultiplyAdd(a7, w0, r70);
            r71 = TLanes.MultiplyAdd(a7, w1, r71);
            var a8 = TLanes.Broadcast(*(float*)(x6 + (2 * xStride)));
            r80 = TLanes.MultiplyAdd(a8, w0, r80);
            r81 = TLanes.MultiplyAdd(a8, w1, r81);
            var a9 = TLanes.Broadcast(*(float*)x9);
            r90 = TLanes.MultiplyAdd(a9, w0, r90);
            r91 = TLanes.MultiplyAdd(a9, w1, r91);
            var a10 = TLanes.Broadcast(*(float*)(x9 + xStride));
            r100 = TLanes.MultiplyAdd(a10, w0, r100);
            r101 = TLanes.MultiplyAdd(a10, w1, r101);
        }

        TLanes.Store(r00, y);
        TLanes.Store(r01, y + 16);
        TLanes.Store(r10, y1);
        TLanes.Store(r11, y1 + 16);
        TLanes.Store(r20, y2);
        TLanes.Store(r21, y2 + 16);
        TLanes.Store(r30, y3);
        TLanes.Store(r31, y3 + 16);
        TLanes.Store(r40, y4);
        TLanes.Store(r41, y4 + 16);
        TLanes.Store(r50, y5);
        TLanes.Store(r51, y5 + 16);
        TLanes.Store(r60, y6);
        TLanes.Store(r61, y6 + 16);
        TLanes.Store(r70, y7);
        TLanes.Store(r71, y7 + 16);
        TLanes.Store(r80, y8);
        TLanes.Store(r81, y8 + 16);
        TLanes.Store(r90, y9);
        TLanes.Store(r91, y9 + 16);
        TLanes.Store(r100, y10);
        TLanes.Store(r101, y10 + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile12x1(byte* w, int inputs, byte* x, nint xStride, float* y, nint yStride, bool accumulate)
    {
        var x3 = x + (3 * xStride);
        var x6 = x3 + (3 * xStride);
        var x9 = x6 + (3 * xStride);
        var y1 = y + yStride;
        var y2 = y1 + yStride;
        var y3 = y2 + yStride;
        var y4 = y3 + yStride;
        var y5 = y4 + yStride;
        var y6 = y5 + yStride;
        var y7 = y6 + yStride;
        var y8 = y7 + yStride;
        var y9 = y8 + yStride;
        var y10 = y9 + yStride;
        var y11 = y10 + yStride;
        TVector r00 = Start(y, accumulate), r01 = Start(y + 16, accumulate);
        TVector r10 = Start(y1, accumulate), r11 = Start(y1 + 16, accumulate);
        TVector r20 = Start(y2, accumulate), r21 = Start(y2 + 16, accumulate);
        TVector r30 = Start(y3, accumulate), r31 = Start(y3 + 16, accumulate);
        TVector r40 = Start(y4, accumulate), r41 = Start(y4 + 16, accumulate);
        TVector r50 = Start(y5, accumulate), r51 = Start(y5 + 16, accumulate);
        TVector r60 = Start(y6, accumulate), r61 = Start(y6 + 16, accumulate);
        TVector r70 = Start(y7, accumulate), r71 = Start(y7 + 16, accumulate);
        TVector r80 = Start(y8, accumulate), r81 = Start(y8 + 16, accumulate);
        TVector r90 = Start(y9, accumulate), r91 = Start(y9 + 16, accumulate);
        TVector r100 = Start(y10, accumulate), r101 = Start(y10 + 16, accumulate);
        TVector r110 = Start(y11, accumulate), r111 = Start(y11 + 16, accumulate);
        for (var k = 0; k < inputs; k++, w += PairBytes, x += sizeof(float), x3 += sizeof(float), x6 += sizeof(float), x9 += sizeof(float))
        {
            TFormat.LoadPair<TLanes, TVector>(w, out var w0, out var w1);
            var a0 = TLanes.Broadcast(*(float*)x);
            r00 = TLanes.MultiplyAdd(a0, w0, r00);
            r01 = TLanes.MultiplyAdd(a0, w1, r01);
            var a1 = TLanes.Broadcast(*(float*)(x + xStride));
            r10 = TLanes.MultiplyAdd(a1, w0, r10);
            r11 = TLanes.MultiplyAdd(a1, w1, r11);
            var a2 = TLanes.Broadcast(*(float*)(x + (2 * xStride)));
            r20 = TLanes.MultiplyAdd(a2, w0, r20);
            r21 = TLanes.MultiplyAdd(a2, w1, r21);
            var a3 = TLanes.Broadcast(*(float*)x3);
            r30 = TLanes.MultiplyAdd(a3, w0, r30);
            r31 = TLanes.MultiplyAdd(a3, w1, r31);
            var a4 = TLanes.Broadcast(*(float*)(x3 + xStride));
            r40 = TLanes.MultiplyAdd(a4, w0, r40);
            r41 = TLanes.MultiplyAdd(a4, w1, r41);
            var a5 = TLanes.Broadcast(*(float*)(x3 + (2 * xStride)));
            r50 = TLanes.MultiplyAdd(a5, w0, r50);
            r51 = TLanes.MultiplyAdd(a5, w1, r51);
            var a6 = TLanes.Broadcast(*(float*)x6);
            r60 = TLanes.MultiplyAdd(a6, w0, r60);
            r61 = TLanes.MultiplyAdd(a6, w1, r61);
            var a7 = TLanes.Broadcast(*(float*)(x6 + xStride));
            r70 = TLanes.MultiplyAdd(a7, w0, r70);
            r71 = TLanes.MultiplyAdd(a7, w1, r71);
            var a8 = TLanes.Broadcast(*(float*)(x6 + (2 * xStride)));
            r80 = TLanes.MultiplyAdd(a8, w0, r80);
            r81 = TLanes.MultiplyAdd(a8, w1, r81);
            var a9 = TLanes.Broadcast(*(float*)x9);
            r90 = TLanes.MultiplyAdd(a9, w0, r90);
            r91 = TLanes.MultiplyAdd(a9, w1, r91);
            var a10 = TLanes.Broadcast(*(float*)(x9 + xStride));
            r100 = TLanes.MultiplyAdd(a10, w0, r100);
            r101 = TLanes.MultiplyAdd(a10, w1, r101);
            var a11 = TLanes.Broadcast(*(float*)(x9 + (2 * xStride)));
            r110 = TLanes.MultiplyAdd(a11, w0, r110);
            r111 = TLanes.MultiplyAdd(a11, w1, r111);
        }

        TLanes.Store(r00, y);
        TLanes.Store(r01, y + 16);
        TLanes.Store(r10, y1);
        TLanes.Store(r11, y1 + 16);
        TLanes.Store(r20, y2);
        TLanes.Store(r21, y2 + 16);
        TLanes.Store(r30, y3);
        TLanes.Store(r31, y3 + 16);
        TLanes.Store(r40, y4);
        TLanes.Store(r41, y4 + 16);
        TLanes.Store(r50, y5);
        TLanes.Store(r51, y5 + 16);
        TLanes.Store(r60, y6);
        TLanes.Store(r61, y6 + 16);
        TLanes.Store(r70, y7);
        TLanes.Store(r71, y7 + 16);
        TLanes.Store(r80, y8);
        TLanes.Store(r81, y8 + 16);
        TLanes.Store(r90, y9);
        TLanes.Store(r91, y9 + 16);
        TLanes.Store(r100, y10);
        TLanes.Store(r101, y10 + 16);
        TLanes.Store(r110, y11);
        TLanes.Store(r111, y11 + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile1x2(byte* w, int inputs, float* x, float* y, float* yNext, bool accumulate, nint toNext)
    {
        TVector r00 = Start(y, accumulate), r01 = Start(y + 16, accumulate), r02 = Start(yNext, accumulate), r03 = Start(yNext + 16, accumulate);
        for (nint k = 0; k < inputs; k++, w += PairBytes)
        {
            TFormat.LoadPair<TLanes, TVector>(w, out var w0, out var w1);
            TFormat.LoadPair<TLanes, TVector>(w + toNext, out var w2, out var w3);
            var a0 = TLanes.Broadcast(x[k]);
            r00 = TLanes.MultiplyAdd(a0, w0, r00);
            r01 = TLanes.MultiplyAdd(a0, w1, r01);
            r02 = TLanes.MultiplyAdd(a0, w2, r02);
            r03 = TLanes.MultiplyAdd(a0, w3, r03);
        }

        TLanes.Store(r00, y);
        TLanes.Store(r01, y + 16);
        TLanes.Store(r02, yNext);
        TLanes.Store(r03, yNext + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile2x2(byte* w, int inputs, float* x, nint xStride, float* y, float* yNext, nint yStride, bool accumulate, nint toNext)
    {
        float* x1 = x + xStride, y1 = y + yStride, y1Next = yNext + yStride;
        TVector r00 = Start(y, accumulate), r01 = Start(y + 16, accumulate), r02 = Start(yNext, accumulate), r03 = Start(yNext + 16, accumulate);
        TVector r10 = Start(y1, accumulate), r11 = Start(y1 + 16, accumulate), r12 = Start(y1Next, accumulate), r13 = Start(y1Next + 16, accumulate);
        for (nint k = 0; k < inputs; k++, w += PairBytes)
        {
            TFormat.LoadPair<TLanes, TVector>(w, out var w0, out var w1);
            TFormat.LoadPair<TLanes, TVector>(w + toNext, out var w2, out var w3);
            var a0 = TLanes.Broadcast(x[k]);
            r00 = TLanes.MultiplyAdd(a0, w0, r00);
            r01 = TLanes.MultiplyAdd(a0, w1, r01);
            r02 = TLanes.MultiplyAdd(a0, w2, r02);
            r03 = TLanes.MultiplyAdd(a0, w3, r03);
            var a1 = TLanes.Broadcast(x1[k]);
            r10 = TLanes.MultiplyAdd(a1, w0, r10);
            r11 = TLanes.MultiplyAdd(a1, w1, r11);
            r12 = TLanes.MultiplyAdd(a1, w2, r12);
            r13 = TLanes.MultiplyAdd(a1, w3, r13);
        }

        TLanes.Store(r00, y);
        TLanes.Store(r01, y + 16);
        TLanes.Store(r02, yNext);
        TLanes.Store(r03, yNext + 16);
        TLanes.Store(r10, y1);
        TLanes.Store(r11, y1 + 16);
        TLanes.Store(r12, y1Next);
        TLanes.Store(r13, y1Next + 16);
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
        TVector r00 = Start(y, accumulate), r01 = Start(y + 16, accumulate), r02 = Start(y1, accumulate), r03 = Start(y1 + 16, accumulate);
        TVector r04 = Start(y2, accumulate), r05 = Start(y2 + 16, accumulate), r06 = Start(y3, accumulate), r07 = Start(y3 + 16, accumulate);
        for (nint k = 0; k < inputs; k++, w += PairBytes)
        {
            var a0 = TLanes.Broadcast(x[k]);
            TFormat.LoadPair<TLanes, TVector>(w, out var w0, out var w1);
            r00 = TLanes.MultiplyAdd(a0, w0, r00);
            r01 = TLanes.MultiplyAdd(a0, w1, r01);
            TFormat.LoadPair<TLanes, TVector>(w + toNext, out w0, out w1);
            r02 = TLanes.MultiplyAdd(a0, w0, r02);
            r03 = TLanes.MultiplyAdd(a0, w1, r03);
            TFormat.LoadPair<TLanes, TVector>(w + (2 * toNext), out w0, out w1);
            r04 = TLanes.MultiplyAdd(a0, w0, r04);
            r05 = TLanes.MultiplyAdd(a0, w1, r05);
            TFormat.LoadPair<TLanes, TVector>(w + (3 * toNext), out w0, out w1);
            r06 = TLanes.MultiplyAdd(a0, w0, r06);
            r07 = TLanes.MultiplyAdd(a0, w1, r07);
        }

        TLanes.Store(r00, y);
        TLanes.Store(r01, y + 16);
        TLanes.Store(r02, y1);
        TLanes.Store(r03, y1 + 16);
        TLanes.Store(r04, y2);
        TLanes.Store(r05, y2 + 16);
        TLanes.Store(r06, y3);
        TLanes.Store(r07, y3 + 16);
    }

    /// <summary>One row and one pair, whose weights come from memory and which the next pair's follow: fetched line by line, since the hardware alone does not look far enough ahead.</summary>
    /// <param name="w">The pair's first weights.</param>
    /// <param name="inputs">How many k to run over.</param>
    /// <param name="x">Activations [inputs].</param>
    /// <param name="y">Outputs: columns [0, W) and [16, 16 + W).</param>
    /// <param name="accumulate">Start from what y holds instead of from zero.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Stream(byte* w, int inputs, float* x, float* y, bool accumulate)
    {
        TVector r00 = Start(y, accumulate), r01 = Start(y + 16, accumulate);
        nint k = 0;
        for (; k < inputs - 3; k += 4, w += 4 * PairBytes)
        {
            Fetch(w);
            Fetch(w + PairBytes);
            Fetch(w + (2 * PairBytes));
            Fetch(w + (3 * PairBytes));
            TFormat.LoadPair<TLanes, TVector>(w, out var w0, out var w1);
            var a = TLanes.Broadcast(x[k]);
            r00 = TLanes.MultiplyAdd(a, w0, r00);
            r01 = TLanes.MultiplyAdd(a, w1, r01);
            TFormat.LoadPair<TLanes, TVector>(w + PairBytes, out w0, out w1);
            a = TLanes.Broadcast(x[k + 1]);
            r00 = TLanes.MultiplyAdd(a, w0, r00);
            r01 = TLanes.MultiplyAdd(a, w1, r01);
            TFormat.LoadPair<TLanes, TVector>(w + (2 * PairBytes), out w0, out w1);
            a = TLanes.Broadcast(x[k + 2]);
            r00 = TLanes.MultiplyAdd(a, w0, r00);
            r01 = TLanes.MultiplyAdd(a, w1, r01);
            TFormat.LoadPair<TLanes, TVector>(w + (3 * PairBytes), out w0, out w1);
            a = TLanes.Broadcast(x[k + 3]);
            r00 = TLanes.MultiplyAdd(a, w0, r00);
            r01 = TLanes.MultiplyAdd(a, w1, r01);
        }

        for (; k < inputs; k++, w += PairBytes)
        {
            TFormat.LoadPair<TLanes, TVector>(w, out var w0, out var w1);
            var a = TLanes.Broadcast(x[k]);
            r00 = TLanes.MultiplyAdd(a, w0, r00);
            r01 = TLanes.MultiplyAdd(a, w1, r01);
        }

        TLanes.Store(r00, y);
        TLanes.Store(r01, y + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fetch(byte* weights)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(weights + FetchBytes);
        }
    }
}
