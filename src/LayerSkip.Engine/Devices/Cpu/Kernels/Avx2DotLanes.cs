using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>8 lanes of AVX2.</summary>
/// <remarks>
/// <c>vpmaddubsw</c> would saturate at full range. Every other byte, widened to 16 bits where it stands, and <c>vpmaddwd</c> on the
/// two halves lose nothing.
/// </remarks>
internal unsafe struct Avx2DotLanes : IDotLanes<Vector256<int>, Vector256<float>>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Load(byte* source) => Vector256.Load((int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Broadcast(int value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> ShiftLeft(Vector256<int> value, [ConstantExpected] byte bits) => value << bits;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> LowNibbles(Vector256<int> bytes) => bytes & Vector256.Create(0x0F0F0F0F);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> HighNibbles(Vector256<int> bytes) => (bytes >>> 4) & Vector256.Create(0x0F0F0F0F);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Dot(Vector256<int> sum, Vector256<int> weights, Vector256<int> activations)
    {
        var even = Avx2.MultiplyAddAdjacent((weights & Vector256.Create(0x00FF00FF)).AsInt16(), (activations.AsInt16() << 8) >> 8);
        var odd = Avx2.MultiplyAddAdjacent(weights.AsInt16() >>> 8, activations.AsInt16() >> 8);
        return sum + (even + odd);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> ToFloat(Vector256<int> sum) => Vector256.ConvertToSingle(sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> StartNibbles(Vector256<int> value) => value & Vector256.Create(0x0000FFFF);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> DotNibbles(Vector256<int> sum, Vector256<int> weights, Vector256<int> activations) =>
        (sum.AsInt16() + Avx2.MultiplyAddAdjacent(weights.AsByte(), activations.AsSByte())).AsInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> NibblesToFloat(Vector256<int> sum) =>
        Vector256.ConvertToSingle(Avx2.MultiplyAddAdjacent(sum.AsInt16(), Vector256<short>.One));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Multiply(Vector256<float> a, Vector256<float> b) => a * b;
}
