using System.Runtime.CompilerServices;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>A byte an integer, -128..127: the first group's two vectors, then the second group's.</summary>
internal unsafe struct Int8Blocks : IBlockFormat
{
    public static int Offset
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 128;
    }

    public static int StepBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 8;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TInt Start<TDot, TInt, TFloat>(TInt sum)
        where TDot : IDotLanes<TInt, TFloat>
        where TInt : struct
        where TFloat : struct =>
        TDot.ShiftLeft(sum, 7);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TInt Dot<TDot, TInt, TFloat>(TInt sum, TInt weights, TInt activations)
        where TDot : IDotLanes<TInt, TFloat>
        where TInt : struct
        where TFloat : struct =>
        TDot.Dot(sum, weights, activations);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TFloat ToFloat<TDot, TInt, TFloat>(TInt sum)
        where TDot : IDotLanes<TInt, TFloat>
        where TInt : struct
        where TFloat : struct =>
        TDot.ToFloat(sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadFirst<TDot, TInt, TFloat>(byte* step, int bytes, out TInt low, out TInt high)
        where TDot : IDotLanes<TInt, TFloat>
        where TInt : struct
        where TFloat : struct
    {
        low = TDot.Load(step);
        high = TDot.Load(step + bytes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadSecond<TDot, TInt, TFloat>(byte* step, int bytes, out TInt low, out TInt high)
        where TDot : IDotLanes<TInt, TFloat>
        where TInt : struct
        where TFloat : struct
    {
        low = TDot.Load(step + (2 * bytes));
        high = TDot.Load(step + (3 * bytes));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write(byte* step, int lanes, int lane, uint first, uint second)
    {
        // Of an integer's eight bits, the highest turned over is the offset added.
        const uint Offsets = 0x80808080;
        ((uint*)step)[lane] = first ^ Offsets;
        ((uint*)step)[(2 * lanes) + lane] = second ^ Offsets;
    }

    public static int Read(byte* step, int lanes, int lane, int input) => *(step + (4 * ((input / 4 * 2 * lanes) + lane)) + (input % 4)) - Offset;
}
