using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>16 lanes of AVX-512BW; as <see cref="Avx2DotLanes"/>, since .NET has no class for the 512-bit dot product instructions.</summary>
internal unsafe struct Avx512DotLanes : IDotLanes<Vector512<int>, Vector512<float>>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Load(byte* source) => Vector512.Load((int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Broadcast(int value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> ShiftLeft(Vector512<int> value, [ConstantExpected] byte bits) => value << bits;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> LowNibbles(Vector512<int> bytes) => bytes & Vector512.Create(0x0F0F0F0F);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> HighNibbles(Vector512<int> bytes) => (bytes >>> 4) & Vector512.Create(0x0F0F0F0F);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Dot(Vector512<int> sum, Vector512<int> weights, Vector512<int> activations)
    {
        var even = Avx512BW.MultiplyAddAdjacent((weights & Vector512.Create(0x00FF00FF)).AsInt16(), (activations.AsInt16() << 8) >> 8);
        var odd = Avx512BW.MultiplyAddAdjacent(weights.AsInt16() >>> 8, activations.AsInt16() >> 8);
        return sum + (even + odd);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ToFloat(Vector512<int> sum) => Vector512.ConvertToSingle(sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> StartNibbles(Vector512<int> value) => value & Vector512.Create(0x0000FFFF);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> DotNibbles(Vector512<int> sum, Vector512<int> weights, Vector512<int> activations) =>
        (sum.AsInt16() + Avx512BW.MultiplyAddAdjacent(weights.AsByte(), activations.AsSByte())).AsInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> NibblesToFloat(Vector512<int> sum) =>
        Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(sum.AsInt16(), Vector512<short>.One));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Multiply(Vector512<float> a, Vector512<float> b) => a * b;
}
