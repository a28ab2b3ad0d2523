using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LayerSkip.Engine.Checkpoints;

/// <summary>float32 to stored elements: rounded to nearest, ties to even; NaNs stay NaNs, what is too large becomes infinite.</summary>
internal static class ElementNarrowing
{
    /// <summary>Narrows every element of <paramref name="source"/>.</summary>
    /// <param name="type">How to store them.</param>
    /// <param name="source">The elements.</param>
    /// <param name="destination">As many elements of the stored size, in bytes.</param>
    public static void Narrow(TensorDataType type, ReadOnlySpan<float> source, Span<byte> destination)
    {
        if (type == TensorDataType.F32)
        {
            MemoryMarshal.AsBytes(source).CopyTo(destination);
            return;
        }

        for (var i = 0; i < source.Length; i++)
        {
            var bits = type == TensorDataType.F16 ? BitConverter.HalfToUInt16Bits((Half)source[i]) : ToBF16(source[i]);
            BinaryPrimitives.WriteUInt16LittleEndian(destination[(i * sizeof(ushort))..], bits);
        }
    }

    /// <summary>Replaces every element by the nearest one that the type can store.</summary>
    public static void Round(TensorDataType type, Span<float> elements)
    {
        switch (type)
        {
            case TensorDataType.F16:
                foreach (ref var element in elements)
                {
                    element = (float)(Half)element;
                }

                break;
            case TensorDataType.BF16:
                foreach (ref var element in elements)
                {
                    element = BitConverter.UInt32BitsToSingle((uint)ToBF16(element) << 16);
                }

                break;
        }
    }

    /// <summary>The bits of the nearest bfloat16s, each in the upper half of its element, as <see cref="ToBF16(float)"/> rounds; the lower half is zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<uint> ToBF16(Vector<float> values)
    {
        var bits = Vector.AsVectorUInt32(values);
        var rounded = bits + new Vector<uint>(0x7fff) + ((bits >>> 16) & Vector<uint>.One);
        return Vector.ConditionalSelect(Vector.AsVectorUInt32(Vector.Equals(values, values)), rounded, bits | new Vector<uint>(0x400000)) & new Vector<uint>(0xffff0000);
    }

    /// <summary>The bits of the nearest bfloat16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort ToBF16(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        if (float.IsNaN(value))
        {
            // A payload in the lower half alone would vanish and leave an infinity: the quiet bit keeps it a NaN.
            return (ushort)((bits >> 16) | 0x40);
        }

        // Just under half a unit, and the unit's own last bit, which lifts ties where that bit is odd.
        return (ushort)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }
}
