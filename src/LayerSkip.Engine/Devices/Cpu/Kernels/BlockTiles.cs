using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>Register tiles of quantised products: R activation rows times a pair of column vectors, block after block.</summary>
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

    private const int CacheLine = 64;

    /// <summary>How far ahead of its use memory is fetched: what it delivers within its latency, and some more.</summary>
    private const int FetchBytes = 6 * 1024;

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

    /// <summary>One row. The pair's blocks are one stream, which the next pair's continue: with several at a time, memory would start anew too often.</summary>
    /// <param name="w">The pair's first block.</param>
    /// <param name="blocks">How many blocks to run over.</param>
    /// <param name="x">The row's blocks, as <see cref="QuantizedRow"/> writes them.</param>
    /// <param name="y">Outputs: columns [0, W) and [16, 16 + W).</param>
    /// <param name="accumulate">Start from what y holds instead of from zero.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void OneRow(byte* w, int blocks, byte* x, float* y, bool accumulate)
    {
        TFloat f00 = Start(y, accumulate), f01 = Start(y + 16, accumulate);
        for (nint block = 0; block < blocks; block++, x += QuantizedRow.BlockBytes)
        {
            TInt i00 = Begin(x), i01 = i00;
            for (nint step = 0; step < Steps; step += 2, w += 2 * StepBytes)
            {
                Step(w, step, x, ref i00, ref i01);
                Step(w + StepBytes, step + 1, x, ref i00, ref i01);
            }

            TFloat lowScales = Low(w), highScales = High(w);
            var s = Scale(x);
            (f00, f01) = (Add(f00, i00, lowScales, s), Add(f01, i01, highScales, s));
            w += 2 * VectorBytes;
        }

        Store(y, f00, f01);
    }

    /// <summary>Two rows.</summary>
    /// <remarks>x1 .. are the bytes from row 0 to the others, y1 .. the floats from row 0's outputs to theirs. Rows may coincide: their outputs are the same then.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void TwoRows(byte* w, int blocks, byte* x, nint x1, float* y, nint y1, bool accumulate)
    {
        TFloat f00 = Start(y, accumulate), f01 = Start(y + 16, accumulate);
        TFloat f10 = Start(y + y1, accumulate), f11 = Start(y + y1 + 16, accumulate);
        for (nint block = 0; block < blocks; block++, x += QuantizedRow.BlockBytes)
        {
            TInt i00 = Begin(x), i01 = i00;
            TInt i10 = Begin(x + x1), i11 = i10;
            for (nint step = 0; step < Steps; step += 2, w += 2 * StepBytes)
            {
                Step(w, step, x, ref i00, ref i01, x + x1, ref i10, ref i11);
                Step(w + StepBytes, step + 1, x, ref i00, ref i01, x + x1, ref i10, ref i11);
            }

            TFloat lowScales = Low(w), highScales = High(w);
            var s = Scale(x);
            (f00, f01) = (Add(f00, i00, lowScales, s), Add(f01, i01, highScales, s));
            s = Scale(x + x1);
            (f10, f11) = (Add(f10, i10, lowScales, s), Add(f11, i11, highScales, s));
            w += 2 * VectorBytes;
        }

        Store(y, f00, f01);
        Store(y + y1, f10, f11);
    }

    /// <summary>Four rows.</summary>
    /// <inheritdoc cref="TwoRows"/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FourRows(byte* w, int blocks, byte* x, nint x1, nint x2, nint x3, float* y, nint y1, nint y2, nint y3, bool accumulate)
    {
        TFloat f00 = Start(y, accumulate), f01 = Start(y + 16, accumulate);
        TFloat f10 = Start(y + y1, accumulate), f11 = Start(y + y1 + 16, accumulate);
        TFloat f20 = Start(y + y2, accumulate), f21 = Start(y + y2 + 16, accumulate);
        TFloat f30 = Start(y + y3, accumulate), f31 = Start(y + y3 + 16, accumulate);
        for (nint block = 0; block < blocks; block++, x += QuantizedRow.BlockBytes)
        {
            TInt i00 = Begin(x), i01 = i00;
            TInt i10 = Begin(x + x1), i11 = i10;
            TInt i20 = Begin(x + x2), i21 = i20;
            TInt i30 = Begin(x + x3), i31 = i30;
            for (nint step = 0; step < Steps; step++, w += StepBytes)
            {
                Fetch(w);
                TBlocks.LoadFirst<TDot, TInt, TFloat>(w, VectorBytes, out var low, out var high);
                var a = Activations(x, step);
                (i00, i01) = (Dot(i00, low, a), Dot(i01, high, a));
                a = Activations(x + x1, step);
                (i10, i11) = (Dot(i10, low, a), Dot(i11, high, a));
                a = Activations(x + x2, step);
                (i20, i21) = (Dot(i20, low, a), Dot(i21, high, a));
                a = Activations(x + x3, step);
                (i30, i31) = (Dot(i30, low, a), Dot(i31, high, a));

                TBlocks.LoadSecond<TDot, TInt, TFloat>(w, VectorBytes, out low, out high);
                a = MoreActivations(x, step);
                (i00, i01) = (Dot(i00, low, a), Dot(i01, high, a));
                a = MoreActivations(x + x1, step);
                (i10, i11) = (Dot(i10, low, a), Dot(i11, high, a));
                a = MoreActivations(x + x2, step);
                (i20, i21) = (Dot(i20, low, a), Dot(i21, high, a));
                a = MoreActivations(x + x3, step);
                (i30, i31) = (Dot(i30, low, a), Dot(i31, high, a));
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

    /// <summary>Six rows: as many sums as leave the weights a place among the sixteen registers that dot products work in.</summary>
    /// <inheritdoc cref="TwoRows"/>
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
            TInt i00 = Begin(x), i01 = i00;
            TInt i10 = Begin(x + x1), i11 = i10;
            TInt i20 = Begin(x + x2), i21 = i20;
            TInt i30 = Begin(x + x3), i31 = i30;
            TInt i40 = Begin(x + x4), i41 = i40;
            TInt i50 = Begin(x + x5), i51 = i50;
            for (nint step = 0; step < Steps; step++, w += StepBytes)
            {
                Fetch(w);
                TBlocks.LoadFirst<TDot, TInt, TFloat>(w, VectorBytes, out var low, out var high);
                var a = Activations(x, step);
                (i00, i01) = (Dot(i00, low, a), Dot(i01, high, a));
                a = Activations(x + x1, step);
                (i10, i11) = (Dot(i10, low, a), Dot(i11, high, a));
                a = Activations(x + x2, step);
                (i20, i21) = (Dot(i20, low, a), Dot(i21, high, a));
                a = Activations(x + x3, step);
                (i30, i31) = (Dot(i30, low, a), Dot(i31, high, a));
                a = Activations(x + x4, step);
                (i40, i41) = (Dot(i40, low, a), Dot(i41, high, a));
                a = Activations(x + x5, step);
                (i50, i51) = (Dot(i50, low, a), Dot(i51, high, a));

                TBlocks.LoadSecond<TDot, TInt, TFloat>(w, VectorBytes, out low, out high);
                a = MoreActivations(x, step);
                (i00, i01) = (Dot(i00, low, a), Dot(i01, high, a));
                a = MoreActivations(x + x1, step);
                (i10, i11) = (Dot(i10, low, a), Dot(i11, high, a));
                a = MoreActivations(x + x2, step);
                (i20, i21) = (Dot(i20, low, a), Dot(i21, high, a));
                a = MoreActivations(x + x3, step);
                (i30, i31) = (Dot(i30, low, a), Dot(i31, high, a));
                a = MoreActivations(x + x4, step);
                (i40, i41) = (Dot(i40, low, a), Dot(i41, high, a));
                a = MoreActivations(x + x5, step);
                (i50, i51) = (Dot(i50, low, a), Dot(i51, high, a));
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

    /// <summary>A step of one row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step(byte* w, nint step, byte* x, ref TInt i00, ref TInt i01)
    {
        Fetch(w);
        TBlocks.LoadFirst<TDot, TInt, TFloat>(w, VectorBytes, out var low, out var high);
        var a = Activations(x, step);
        (i00, i01) = (Dot(i00, low, a), Dot(i01, high, a));
        TBlocks.LoadSecond<TDot, TInt, TFloat>(w, VectorBytes, out low, out high);
        a = MoreActivations(x, step);
        (i00, i01) = (Dot(i00, low, a), Dot(i01, high, a));
    }

    /// <summary>A step of two rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step(byte* w, nint step, byte* x, ref TInt i00, ref TInt i01, byte* x1, ref TInt i10, ref TInt i11)
    {
        Fetch(w);
        TBlocks.LoadFirst<TDot, TInt, TFloat>(w, VectorBytes, out var low, out var high);
        TInt a = Activations(x, step), b = Activations(x1, step);
        (i00, i01, i10, i11) = (Dot(i00, low, a), Dot(i01, high, a), Dot(i10, low, b), Dot(i11, high, b));
        TBlocks.LoadSecond<TDot, TInt, TFloat>(w, VectorBytes, out low, out high);
        (a, b) = (MoreActivations(x, step), MoreActivations(x1, step));
        (i00, i01, i10, i11) = (Dot(i00, low, a), Dot(i01, high, a), Dot(i10, low, b), Dot(i11, high, b));
    }

    /// <summary>Fetches what comes later: the hardware alone does not look far enough ahead while a tile computes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fetch(byte* step)
    {
        step += FetchBytes;
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(step);
            if (StepBytes > CacheLine)
            {
                Sse.Prefetch0(step + CacheLine);
            }

            if (StepBytes > 2 * CacheLine)
            {
                Sse.Prefetch0(step + (2 * CacheLine));
                Sse.Prefetch0(step + (3 * CacheLine));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TFloat Start(float* y, bool accumulate) => accumulate ? TLanes.Load(y) : TLanes.Broadcast(0);

    /// <summary>What the weights' offset adds to a block's sum of products, taken away beforehand.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TInt Begin(byte* x) => TBlocks.Start<TDot, TInt, TFloat>(TDot.Broadcast(QuantizedRow.NegatedSum(x)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TInt Dot(TInt sum, TInt weights, TInt activations) => TBlocks.Dot<TDot, TInt, TFloat>(sum, weights, activations);

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
        TLanes.MultiplyAdd(TBlocks.ToFloat<TDot, TInt, TFloat>(sum), TDot.Multiply(weightScale, activationScale), output);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* y, TFloat low, TFloat high)
    {
        TLanes.Store(low, y);
        TLanes.Store(high, y + 16);
    }
}
