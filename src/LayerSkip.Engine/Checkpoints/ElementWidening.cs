using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LayerSkip.Engine.Checkpoints;

/// <summary>Stored elements to float32: exact for every bit pattern, payloads of NaNs included. Bytes need no alignment.</summary>
internal static class ElementWidening
{
    // binary16 has 5 exponent bits with bias 15, binary32 has 8 with bias 127; mantissas are 10 and 23 bits.
    private const int MantissaShift = 23 - 10;
    private const uint BiasDifference = (127 - 15) << 23;
    private const uint SmallestNormal = 1u << 23;
    private const uint Infinity = 0x1fu << 23;
    private const uint WideInfinity = 0xffu << 23;

    // 2^-14 with a zero mantissa: a subnormal's mantissa put into it is 2^-14 + the value, exactly.
    private const uint SubnormalBase = (127 - 14) << 23;

    /// <summary>Widens as many elements as <paramref name="destination"/> holds.</summary>
    /// <exception cref="ArgumentException"><paramref name="source"/> does not hold that many elements, in bytes.</exception>
    public static void Widen(TensorDataType type, ReadOnlySpan<byte> source, Span<float> destination)
    {
        if (source.Length != (long)destination.Length * SafetensorsDataTypes.SizeOf(type))
        {
            throw new ArgumentException($"{source.Length} bytes are not {destination.Length} elements of {type}.", nameof(source));
        }

        switch (type)
        {
            case TensorDataType.F32:
                source.CopyTo(MemoryMarshal.AsBytes(destination));
                break;
            case TensorDataType.F16:
                WidenF16(source, destination);
                break;
            default:
                WidenBF16(source, destination);
                break;
        }
    }

    /// <summary>bfloat16 is the upper half of a binary32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WidenBF16(ReadOnlySpan<byte> source, Span<float> destination)
    {
        var i = 0;
        for (; i <= destination.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            Vector.Widen(Load(source, i), out var low, out var high);
            Store(low << 16, destination[i..]);
            Store(high << 16, destination[(i + Vector<uint>.Count)..]);
        }

        for (; i < destination.Length; i++)
        {
            destination[i] = BitConverter.UInt32BitsToSingle((uint)LoadOne(source, i) << 16);
        }
    }

    /// <summary>binary16: rebias the exponent of normal numbers, renormalise subnormal ones, keep infinities and NaNs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WidenF16(ReadOnlySpan<byte> source, Span<float> destination)
    {
        var i = 0;
        for (; i <= destination.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            Vector.Widen(Load(source, i), out var low, out var high);
            Store(WidenF16(low), destination[i..]);
            Store(WidenF16(high), destination[(i + Vector<uint>.Count)..]);
        }

        for (; i < destination.Length; i++)
        {
            destination[i] = BitConverter.UInt32BitsToSingle(WidenF16(new Vector<uint>(LoadOne(source, i)))[0]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<uint> WidenF16(Vector<uint> half)
    {
        var sign = (half & new Vector<uint>(0x8000)) << 16;
        var magnitude = (half & new Vector<uint>(0x7fff)) << MantissaShift;

        var normal = magnitude + new Vector<uint>(BiasDifference);
        var subnormalBase = new Vector<uint>(SubnormalBase);
        var subnormal = (Vector.AsVectorSingle(magnitude + subnormalBase) - Vector.AsVectorSingle(subnormalBase)).As<float, uint>();
        var special = magnitude | new Vector<uint>(WideInfinity);

        var wide = Vector.ConditionalSelect(Vector.LessThan(magnitude, new Vector<uint>(SmallestNormal)), subnormal, normal);
        wide = Vector.ConditionalSelect(Vector.GreaterThanOrEqual(magnitude, new Vector<uint>(Infinity)), special, wide);
        return wide | sign;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<ushort> Load(ReadOnlySpan<byte> source, int element) =>
        Vector.AsVectorUInt16(new Vector<byte>(source[(element * sizeof(ushort))..]));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ushort LoadOne(ReadOnlySpan<byte> source, int element) =>
        BinaryPrimitives.ReadUInt16LittleEndian(source[(element * sizeof(ushort))..]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector<uint> bits, Span<float> destination) => Vector.AsVectorSingle(bits).CopyTo(destination);
}
