using System.Runtime.CompilerServices;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>Four bits an integer, -8..7: the first group in the lower halves of two vectors' bytes, the second group in the upper ones.</summary>
internal unsafe struct Int4Blocks : IBlockFormat
{
    public static int Offset
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 8;
    }

    public static int StepBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 4;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TInt Start<TDot, TInt, TFloat>(TInt sum)
        where TDot : IDotLanes<TInt, TFloat>
        where TInt : struct
        where TFloat : struct =>
        TDot.StartNibbles(TDot.ShiftLeft(sum, 3));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TInt Dot<TDot, TInt, TFloat>(TInt sum, TInt weights, TInt activations)
        where TDot : IDotLanes<TInt, TFloat>
        where TInt : struct
        where TFloat : struct =>
        TDot.DotNibbles(sum, weights, activations);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TFloat ToFloat<TDot, TInt, TFloat>(TInt sum)
        where TDot : IDotLanes<TInt, TFloat>
        where TInt : struct
        where TFloat : struct =>
        TDot.NibblesToFloat(sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadFirst<TDot, TInt, TFloat>(byte* step, int bytes, out TInt low, out TInt high)
        where TDot : IDotLanes<TInt, TFloat>
        where TInt : struct
        where TFloat : struct
    {
        low = TDot.LowNibbles(TDot.Load(step));
        high = TDot.LowNibbles(TDot.Load(step + bytes));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadSecond<TDot, TInt, TFloat>(byte* step, int bytes, out TInt low, out TInt high)
        where TDot : IDotLanes<TInt, TFloat>
        where TInt : struct
        where TFloat : struct
    {
        low = TDot.HighNibbles(TDot.Load(step));
        high = TDot.HighNibbles(TDot.Load(step + bytes));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write(byte* step, int lanes, int lane, uint first, uint second)
    {
        // Of an integer's four bits, the highest turned over is the offset added.
        const uint Nibbles = 0x0f0f0f0f, Offsets = 0x08080808;
        ((uint*)step)[lane] = ((first & Nibbles) ^ Offsets) | (((second & Nibbles) ^ Offsets) << 4);
    }

    public static int Read(byte* step, int lanes, int lane, int input)
    {
        int pair = *(step + (4 * lane) + (input % 4));
        return (input < 4 ? pair & 0x0F : pair >> 4) - Offset;
    }
}
