using System.Runtime.CompilerServices;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>Register tiles of quantised products: R activation rows times one, two or four column pairs, block after block.</summary>
/// <remarks>
/// Within a block the sum of products is an exact integer, whatever the order. Over the blocks b = 0, 1, 2, ... every output is one chain
/// y = fma(sum_b, weightScale_b · activationScale_b, y), whatever the tile, the vector width and the number of rows: invariant I1
/// (row independence). Sums are named i{row}{vector}, outputs f{row}{vector}; C# keeps them in registers only as separate locals.
/// </remarks>
internal static unsafe class BlockTiles<TDot, TInt, TLanes, TFloat, TBlocks>
    where TDot : IDotLanes<TInt, TFloat>
    where TInt : struct
    where TLanes : ILanes<TFloat>
    where TFloat : struct
    where TBlocks : IBlockFormat
{
    /// <summary>Steps of eight inputs in a block.</summary>
    public const int Steps = QuantizedRow.BlockSize / 8;

    /// <summary>Bytes of a step's weights of a pair.</summary>
    public static int StepBytes
    {
        // Inlined by force: a call within a tile's loop would spill every accumulator.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 2 * TLanes.Count * TBlocks.StepBytes;
    }

    /// <summary>Bytes of a block of a pair: its integers, then its scales.</summary>
    public static int PairBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (Steps * StepBytes) + (2 * VectorBytes);
    }

    private static int VectorBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TLanes.Count * sizeof(float);
    }

    /// <summary>One row, four pairs.</summary>
    /// <param name="w">The first pair's first block.</param>
    /// <param name="w1">Bytes from there to the second pair's.</param>
    /// <param name="w2">Bytes from the first pair's to the third pair's.</param>
    /// <param name="w3">Bytes from the first pair's to the fourth pair's.</param>
    /// <param name="blocks">How many blocks to run over.</param>
    /// <param name="x">The row's blocks, as <see cref="QuantizedRow"/> writes them.</param>
    /// <param name="y">Outputs of the first pair: columns [0, W) and [16, 16 + W).</param>
    /// <param name="y1">Outputs of the second pair.</param>
    /// <param name="y2">Outputs of the third pair.</param>
    /// <param name="y3">Outputs of the fourth pair.</param>
    /// <param name="accumulate">Start from what y holds instead of from zero.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FourPairs(byte* w, nint w1, nint w2, nint w3, int blocks, byte* x, float* y, float* y1, float* y2, float* y3, bool accumulate)
    {
        TFloat f00 = Start(y, accumulate), f01 = Start(y + 16, accumulate), f02 = Start(y1, accumulate), f03 = Start(y1 + 16, accumulate);
        TFloat f04 = Start(y2, accumulate), f05 = Start(y2 + 16, accumulate), f06 = Start(y3, accumulate), f07 = Start(y3 + 16, accumulate);
        for (nint block = 0; block < blocks; block++, x += QuantizedRow.BlockBytes)
        {
            TInt i00 = Correction(x), i01 = i00, i02 = i00, i03 = i00, i04 = i00, i05 = i00, i06 = i00, i07 = i00;
            for (nint step = 0; step < Steps; step++, w += StepBytes)
            {
                var a = Activations(x, step);
                TBlocks.LoadFirst<TDot, TInt, TFloat>(w, VectorBytes, out var low, out var high);
                (i00, i01) = (TDot.Dot(i00, low, a), TDot.Dot(i01, high, a));
                TBlocks.LoadFirst<TDot, TInt, TFloat>(w + w1, VectorBytes, out low, out high);
                (i02, i03) = (TDot.Dot(i02, low, a), TDot.Dot(i03, high, a));
                TBlocks.LoadFirst<TDot, TInt, TFloat>(w + w2, VectorBytes, out low, out high);
                (i04, i05) = (TDot.Dot(i04, low, a), TDot.Dot(i05, high, a));
                TBlocks.LoadFirst<TDot, TInt, TFloat>(w + w3, VectorBytes, out low, out high);
                (i06, i07) = (TDot.Dot(i06, low, a), TDot.Dot(i07, high, a));

                a = MoreActivations(x, step);
                TBlocks.LoadSecond<TDot, TInt, TFloat>(w, VectorBytes, out low, out high);
                (i00, i01) = (TDot.Dot(i00, low, a), TDot.Dot(i01, high, a));
                TBlocks.LoadSecond<TDot, TInt, TFloat>(w + w1, VectorBytes, out low, out high);
                (i02, i03) = (TDot.Dot(i02, low, a), TDot.Dot(i03, high, a));
                TBlocks.LoadSecond<TDot, TInt, TFloat>(w + w2, VectorBytes, out low, out high);
                (i04, i05) = (TDot.Dot(i04, low, a), TDot.Dot(i05, high, a));
                TBlocks.LoadSecond<TDot, TInt, TFloat>(w + w3, VectorBytes, out low, out high);
                (i06, i07) = (TDot.Dot(i06, low, a), TDot.Dot(i07, high, a));
            }

            var s = Scale(x);
            (f00, f01) = (Add(f00, i00, Low(w), s), Add(f01, i01, High(w), s));
            (f02, f03) = (Add(f02, i02, Low(w + w1), s), Add(f03, i03, High(w + w1), s));
            (f04, f05) = (Add(f04, i04, Low(w + w2), s), Add(f05, i05, High(w + w2), s));
            (f06, f07) = (Add(f06, i06, Low(w + w3), s), Add(f07, i07, High(w + w3), s));
            w += 2 * VectorBytes;
        }

        Store(y, f00, f01);
        Store(y1, f02, f03);
        Store(y2, f04, f05);
        Store(y3, f06, f07);
    }

    /// <summary>Two rows, two pairs; row 1 is <paramref name="x1"/> bytes behind row 0, its outputs <paramref name="yStride"/> floats.</summary>
    /// <inheritdoc cref="FourPairs"/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void TwoPairs(byte* w, nint w1, int blocks, byte* x, nint x1, float* y, float* y1, nint yStride, bool accumulate)
    {
        float* z = y + yStride, z1 = y1 + yStride;
        TFloat f00 = Start(y, accumulate), f01 = Start(y + 16, accumulate), f02 = Start(y1, accumulate), f03 = Start(y1 + 16, accumulate);
        TFloat f10 = Start(z, accumulate), f11 = Start(z + 16, accumulate), f12 = Start(z1, accumulate), f13 = Start(z1 + 16, accumulate);
        for (nint block = 0; block < blocks; block++, x += QuantizedRow.BlockBytes)
        {
            TInt i00 = Correction(x), i01 = i00, i02 = i00, i03 = i00;
            TInt i10 = Correction(x + x1), i11 = i10, i12 = i10, i13 = i10;
            for (nint step = 0; step < Steps; step++, w += StepBytes)
            {
                var a = Activations(x, step);
                var b = Activations(x + x1, step);
                TBlocks.LoadFirst<TDot, TInt, TFloat>(w, VectorBytes, out var low, out var high);
                (i00, i01, i10, i11) = (TDot.Dot(i00, low, a), TDot.Dot(i01, high, a), TDot.Dot(i10, low, b), TDot.Dot(i11, high, b));
                TBlocks.LoadFirst<TDot, TInt, TFloat>(w + w1, VectorBytes, out low, out high);
                (i02, i03, i12, i13) = (TDot.Dot(i02, low, a), TDot.Dot(i03, high, a), TDot.Dot(i12, low, b), TDot.Dot(i13, high, b));

                a = MoreActivations(x, step);
                b = MoreActivations(x + x1, step);
                TBlocks.LoadSecond<TDot, TInt, TFloat>(w, VectorBytes, out low, out high);
                (i00, i01, i10, i11) = (TDot.Dot(i00, low, a), TDot.Dot(i01, high, a), TDot.Dot(i10, low, b), TDot.Dot(i11, high, b));
                TBlocks.LoadSecond<TDot, TInt, TFloat>(w + w1, VectorBytes, out low, out high);
                (i02, i03, i12, i13) = (TDot.Dot(i02, low, a), TDot.Dot(i03, high, a), TDot.Dot(i12, low, b), TDot.Dot(i13, high, b));
            }

            var s = Scale(x);
            (f00, f01) = (Add(f00, i00, Low(w), s), Add(f01, i01, High(w), s));
            (f02, f03) = (Add(f02, i02, Low(w + w1), s), Add(f03, i03, High(w + w1), s));
            s = Scale(x + x1);
            (f10, f11) = (Add(f10, i10, Low(w), s), Add(f11, i11, High(w), s));
            (f12, f13) = (Add(f12, i12, Low(w + w1), s), Add(f13, i13, High(w + w1), s));
            w += 2 * VectorBytes;
        }

        Store(y, f00, f01);
        Store(y1, f02, f03);
        Store(z, f10, f11);
        Store(z1, f12, f13);
    }

    /// <summary>Four rows, one pair. Rows may coincide: their outputs are the same then.</summary>
    /// <remarks>x1 .. are the bytes from row 0 to the others, y1 .. the floats from row 0's outputs to theirs.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FourRows(byte* w, int blocks, byte* x, nint x1, nint x2, nint x3, float* y, nint y1, nint y2, nint y3, bool accumulate)
    {
        TFloat f00 = Start(y, accumulate), f01 = Start(y + 16, accumulate);
        TFloat f10 = Start(y + y1, accumulate), f11 = Start(y + y1 + 16, accumulate);
        TFloat f20 = Start(y + y2, accumulate), f21 = Start(y + y2 + 16, accumulate);
        TFloat f30 = Start(y + y3, accumulate), f31 = Start(y + y3 + 16, accumulate);
        for (nint block = 0; block < blocks; block++, x += QuantizedRow.BlockBytes)
        {
            TInt i00 = Correction(x), i01 = i00;
            TInt i10 = Correction(x + x1), i11 = i10;
            TInt i20 = Correction(x + x2), i21 = i20;
            TInt i30 = Correction(x + x3), i31 = i30;
            for (nint step = 0; step < Steps; step++, w += StepBytes)
            {
                TBlocks.LoadFirst<TDot, TInt, TFloat>(w, VectorBytes, out var low, out var high);
                var a = Activations(x, step);
                (i00, i01) = (TDot.Dot(i00, low, a), TDot.Dot(i01, high, a));
                a = Activations(x + x1, step);
                (i10, i11) = (TDot.Dot(i10, low, a), TDot.Dot(i11, high, a));
                a = Activations(x + x2, step);
                (i20, i21) = (TDot.Dot(i20, low, a), TDot.Dot(i21, high, a));
                a = Activations(x + x3, step);
                (i30, i31) = (TDot.Dot(i30, low, a), TDot.Dot(i31, high, a));

                TBlocks.LoadSecond<TDot, TInt, TFloat>(w, VectorBytes, out low, out high);
                a = MoreActivations(x, step);
                (i00, i01) = (TDot.Dot(i00, low, a), TDot.Dot(i01, high, a));
                a = MoreActivations(x + x1, step);
                (i10, i11) = (TDot.Dot(i10, low, a), TDot.Dot(i11, high, a));
                a = MoreActivations(x + x2, step);
                (i20, i21) = (TDot.Dot(i20, low, a), TDot.Dot(i21, high, a));
                a = MoreActivations(x + x3, step);
                (i30, i31) = (TDot.Dot(i30, low, a), TDot.Dot(i31, high, a));
            }

            TFloat lowScales = Low(w), highScales = High(w);
            var s = Scale(x);
            (f00, f01) = (Add(f00, i00, lowScales, s), Add(f01, i01, highScales, s));
            s = Scale(x + x1);
            (f10, f11) = (Add(f10, i10, lowScales, s), Add(f11, i11, highScales, s));
            s = Scale(x + x2);
            (f20, f21) = (Add(f20, i20, lowScales, s), Add(f21, i21, highScales, s));
            s = Scale(x + x3);
            (f30, f31) = (Add(f30, i30, lowScales, s), Add(f31, i31, highScales, s));
            w += 2 * VectorBytes;
        }

        Store(y, f00, f01);
        Store(y + y1, f10, f11);
        Store(y + y2, f20, f21);
        Store(y + y3, f30, f31);
    }

    /// <summary>Six rows, one pair: as many sums as leave a register free of the sixteen that dot products may use.</summary>
    /// <inheritdoc cref="FourRows"/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SixRows(byte* w, int blocks, byte* x, nint x1, nint x2, nint x3, nint x4, nint x5, float* y, nint y1, nint y2, nint y3, nint y4, nint y5, bool accumulate)
    {
        TFloat f00 = Start(y, accumulate), f01 = Start(y + 16, accumulate);
        TFloat f10 = Start(y + y1, accumulate), f11 = Start(y + y1 + 16, accumulate);
        TFloat f20 = Start(y + y2, accumulate), f21 = Start(y + y2 + 16, accumulate);
        TFloat f30 = Start(y + y3, accumulate), f31 = Start(y + y3 + 16, accumulate);
        TFloat f40 = Start(y + y4, accumulate), f41 = Start(y + y4 + 16, accumulate);
        TFloat f50 = Start(y + y5, accumulate), f51 = Start(y + y5 + 16, accumulate);
        for (nint block = 0; block < blocks; block++, x += QuantizedRow.BlockBytes)
        {
            TInt i00 = Correction(x), i01 = i00;
            TInt i10 = Correction(x + x1), i11 = i10;
            TInt i20 = Correction(x + x2), i21 = i20;
            TInt i30 = Correction(x + x3), i31 = i30;
            TInt i40 = Correction(x + x4), i41 = i40;
            TInt i50 = Correction(x + x5), i51 = i50;
            for (nint step = 0; step < Steps; step++, w += StepBytes)
            {
                TBlocks.LoadFirst<TDot, TInt, TFloat>(w, VectorBytes, out var low, out var high);
                var a = Activations(x, step);
                (i00, i01) = (TDot.Dot(i00, low, a), TDot.Dot(i01, high, a));
                a = Activations(x + x1, step);
                (i10, i11) = (TDot.Dot(i10, low, a), TDot.Dot(i11, high, a));
                a = Activations(x + x2, step);
                (i20, i21) = (TDot.Dot(i20, low, a), TDot.Dot(i21, high, a));
                a = Activations(x + x3, step);
                (i30, i31) = (TDot.Dot(i30, low, a), TDot.Dot(i31, high, a));
                a = Activations(x + x4, step);
                (i40, i41) = (TDot.Dot(i40, low, a), TDot.Dot(i41, high, a));
                a = Activations(x + x5, step);
                (i50, i51) = (TDot.Dot(i50, low, a), TDot.Dot(i51, high, a));

                TBlocks.LoadSecond<TDot, TInt, TFloat>(w, VectorBytes, out low, out high);
                a = MoreActivations(x, step);
                (i00, i01) = (TDot.Dot(i00, low, a), TDot.Dot(i01, high, a));
                a = MoreActivations(x + x1, step);
                (i10, i11) = (TDot.Dot(i10, low, a), TDot.Dot(i11, high, a));
                a = MoreActivations(x + x2, step);
                (i20, i21) = (TDot.Dot(i20, low, a), TDot.Dot(i21, high, a));
                a = MoreActivations(x + x3, step);
                (i30, i31) = (TDot.Dot(i30, low, a), TDot.Dot(i31, high, a));
                a = MoreActivations(x + x4, step);
                (i40, i41) = (TDot.Dot(i40, low, a), TDot.Dot(i41, high, a));
                a = MoreActivations(x + x5, step);
                (i50, i51) = (TDot.Dot(i50, low, a), TDot.Dot(i51, high, a));
            }

            TFloat lowScales = Low(w), highScales = High(w);
            var s = Scale(x);
            (f00, f01) = (Add(f00, i00, lowScales, s), Add(f01, i01, highScales, s));
            s = Scale(x + x1);
            (f10, f11) = (Add(f10, i10, lowScales, s), Add(f11, i11, highScales, s));
            s = Scale(x + x2);
            (f20, f21) = (Add(f20, i20, lowScales, s), Add(f21, i21, highScales, s));
            s = Scale(x + x3);
            (f30, f31) = (Add(f30, i30, lowScales, s), Add(f31, i31, highScales, s));
            s = Scale(x + x4);
            (f40, f41) = (Add(f40, i40, lowScales, s), Add(f41, i41, highScales, s));
            s = Scale(x + x5);
            (f50, f51) = (Add(f50, i50, lowScales, s), Add(f51, i51, highScales, s));
            w += 2 * VectorBytes;
        }

        Store(y, f00, f01);
        Store(y + y1, f10, f11);
        Store(y + y2, f20, f21);
        Store(y + y3, f30, f31);
        Store(y + y4, f40, f41);
        Store(y + y5, f50, f51);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TFloat Start(float* y, bool accumulate) => accumulate ? TLanes.Load(y) : TLanes.Broadcast(0);

    /// <summary>What the weights' offset adds to a block's sum of products, taken away beforehand.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TInt Correction(byte* x) => TDot.Broadcast(-TBlocks.Offset * QuantizedRow.Sum(x));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TInt Activations(byte* x, nint step) => TDot.Broadcast(*((int*)x + (2 * step)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TInt MoreActivations(byte* x, nint step) => TDot.Broadcast(*((int*)x + (2 * step) + 1));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TFloat Scale(byte* x) => TLanes.Broadcast(QuantizedRow.Scale(x));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TFloat Low(byte* scales) => TLanes.Load((float*)scales);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TFloat High(byte* scales) => TLanes.Load((float*)scales + TLanes.Count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TFloat Add(TFloat output, TInt sum, TFloat weightScale, TFloat activationScale) =>
        TLanes.MultiplyAdd(TDot.ToFloat(sum), TDot.Multiply(weightScale, activationScale), output);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* y, TFloat low, TFloat high)
    {
        TLanes.Store(low, y);
        TLanes.Store(high, y + 16);
    }
}
