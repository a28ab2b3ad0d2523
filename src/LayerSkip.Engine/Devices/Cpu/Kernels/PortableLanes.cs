using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>4 lanes: whatever 128-bit vectors the machine has (NEON, SSE), or scalar code.</summary>
internal unsafe struct PortableLanes : ILanes<Vector128<float>>
{
    public static int Count
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 4;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load(float* source) => Vector128.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector128<float> value, float* destination) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Broadcast(float value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> MultiplyAdd(Vector128<float> a, Vector128<float> b, Vector128<float> c) =>
        Vector128.FusedMultiplyAdd(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WidenBf16(uint* source, out Vector128<float> low, out Vector128<float> high) =>
        WidenBf16(Vector128.Load(source).AsSingle(), out low, out high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WidenBf16(Vector128<float> words, out Vector128<float> low, out Vector128<float> high)
    {
        low = (words.AsUInt32() << 16).AsSingle();
        high = (words.AsUInt32() & Vector128.Create(0xFFFF0000u)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void JoinBf16(byte* low, byte* codes, int shift, byte* highBytes, out Vector128<float> first, out Vector128<float> second)
    {
        var lower = Vector128.Load(low);
        var upper = Vector128.Shuffle(Vector128.Load(highBytes), (Vector128.Load(codes) >>> shift) & Vector128.Create((byte)15));
        first = (Vector128.WidenLower(lower) | (Vector128.WidenLower(upper) << 8)).AsSingle();
        second = (Vector128.WidenUpper(lower) | (Vector128.WidenUpper(upper) << 8)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void JoinF32(ushort* lower, Vector128<float> upper, out Vector128<float> first, out Vector128<float> second)
    {
        var (low, high) = (Vector128.Load(lower), upper.AsUInt16());
        first = (Vector128.WidenLower(low) | (Vector128.WidenLower(high) << 16)).AsSingle();
        second = (Vector128.WidenUpper(low) | (Vector128.WidenUpper(high) << 16)).AsSingle();
    }
}
