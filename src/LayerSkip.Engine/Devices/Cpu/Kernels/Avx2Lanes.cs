using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>8 lanes: AVX2 with FMA.</summary>
internal unsafe struct Avx2Lanes : ILanes<Vector256<float>>
{
    public static int Count
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 8;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load(float* source) => Vector256.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<float> value, float* destination) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Broadcast(float value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> MultiplyAdd(Vector256<float> a, Vector256<float> b, Vector256<float> c) =>
        Vector256.FusedMultiplyAdd(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WidenBf16(uint* source, out Vector256<float> low, out Vector256<float> high) =>
        WidenBf16(Vector256.Load(source).AsSingle(), out low, out high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WidenBf16(Vector256<float> words, out Vector256<float> low, out Vector256<float> high)
    {
        low = (words.AsUInt32() << 16).AsSingle();
        high = (words.AsUInt32() & Vector256.Create(0xFFFF0000u)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void JoinBf16(byte* low, byte* codes, int shift, byte* highBytes, out Vector256<float> first, out Vector256<float> second)
    {
        if (Avx2.IsSupported)
        {
            var lower = Vector256.Load(low);
            var upper = Avx2.Shuffle(
                Avx2.BroadcastVector128ToVector256(highBytes), (Vector256.Load(codes).AsUInt16() >>> shift).AsByte() & Vector256.Create((byte)15));
            first = Avx2.UnpackLow(lower, upper).AsSingle();
            second = Avx2.UnpackHigh(lower, upper).AsSingle();
            return;
        }

        PortableLanes.JoinBf16(low, codes, shift, highBytes, out var first0, out var second0);
        PortableLanes.JoinBf16(low + 16, codes + 16, shift, highBytes, out var first1, out var second1);
        (first, second) = (Vector256.Create(first0, first1), Vector256.Create(second0, second1));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void JoinF32(ushort* lower, Vector256<float> upper, out Vector256<float> first, out Vector256<float> second)
    {
        if (Avx2.IsSupported)
        {
            var low = Vector256.Load(lower);
            first = Avx2.UnpackLow(low, upper.AsUInt16()).AsSingle();
            second = Avx2.UnpackHigh(low, upper.AsUInt16()).AsSingle();
            return;
        }

        PortableLanes.JoinF32(lower, upper.GetLower(), out var first0, out var second0);
        PortableLanes.JoinF32(lower + 8, upper.GetUpper(), out var first1, out var second1);
        (first, second) = (Vector256.Create(first0, first1), Vector256.Create(second0, second1));
    }
}
