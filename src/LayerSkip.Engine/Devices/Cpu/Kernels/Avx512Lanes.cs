using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>16 lanes. Gated on <see cref="Avx512F"/>, since <c>Vector512.IsHardwareAccelerated</c> is false on CPUs where the runtime merely prefers 256 bits.</summary>
internal unsafe struct Avx512Lanes : ILanes<Vector512<float>>
{
    public static int Count
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 16;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* source) => Vector512.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> value, float* destination) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Broadcast(float value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> MultiplyAdd(Vector512<float> a, Vector512<float> b, Vector512<float> c) =>
        Avx512F.IsSupported ? Avx512F.FusedMultiplyAdd(a, b, c) : Vector512.FusedMultiplyAdd(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WidenBf16(uint* source, out Vector512<float> low, out Vector512<float> high) =>
        WidenBf16(Vector512.Load(source).AsSingle(), out low, out high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WidenBf16(Vector512<float> words, out Vector512<float> low, out Vector512<float> high)
    {
        low = (words.AsUInt32() << 16).AsSingle();
        high = (words.AsUInt32() & Vector512.Create(0xFFFF0000u)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void JoinBf16(byte* low, byte* codes, int shift, byte* highBytes, out Vector512<float> first, out Vector512<float> second)
    {
        if (Avx512BW.IsSupported)
        {
            var lower = Vector512.Load(low);
            var upper = Avx512BW.Shuffle(
                Avx512F.BroadcastVector128ToVector512((uint*)highBytes).AsByte(), (Vector512.Load(codes).AsUInt16() >>> shift).AsByte() & Vector512.Create((byte)15));
            first = Avx512BW.UnpackLow(lower, upper).AsSingle();
            second = Avx512BW.UnpackHigh(lower, upper).AsSingle();
            return;
        }

        Avx2Lanes.JoinBf16(low, codes, shift, highBytes, out var first0, out var second0);
        Avx2Lanes.JoinBf16(low + 32, codes + 32, shift, highBytes, out var first1, out var second1);
        (first, second) = (Vector512.Create(first0, first1), Vector512.Create(second0, second1));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void JoinF32(ushort* lower, Vector512<float> upper, out Vector512<float> first, out Vector512<float> second)
    {
        if (Avx512BW.IsSupported)
        {
            var low = Vector512.Load(lower);
            first = Avx512BW.UnpackLow(low, upper.AsUInt16()).AsSingle();
            second = Avx512BW.UnpackHigh(low, upper.AsUInt16()).AsSingle();
            return;
        }

        Avx2Lanes.JoinF32(lower, upper.GetLower(), out var first0, out var second0);
        Avx2Lanes.JoinF32(lower + 16, upper.GetUpper(), out var first1, out var second1);
        (first, second) = (Vector512.Create(first0, first1), Vector512.Create(second0, second1));
    }
}
