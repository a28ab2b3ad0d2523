using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace LayerSkip.Engine.Checkpoints.Gguf;

/// <summary>Stored elements of a GGUF tensor to float32: exact for unquantised types, and as ggml's own reference computes it for blocks.</summary>
internal static class GgufBlocks
{
    private const int Small = 32;

    /// <summary>Widens a row.</summary>
    /// <param name="type">How it is stored.</param>
    /// <param name="source">Its bytes: as many blocks as <paramref name="destination"/> fills.</param>
    /// <param name="destination">A whole number of blocks.</param>
    /// <returns>The number of the first block whose scale is infinite or NaN; -1: none. What is behind it is not written.</returns>
    public static int Widen(GgufTensorType type, ReadOnlySpan<byte> source, Span<float> destination)
    {
        switch (type)
        {
            case GgufTensorType.F32:
                ElementWidening.Widen(TensorDataType.F32, source, destination);
                return -1;
            case GgufTensorType.F16:
                ElementWidening.Widen(TensorDataType.F16, source, destination);
                return -1;
            case GgufTensorType.BF16:
                ElementWidening.Widen(TensorDataType.BF16, source, destination);
                return -1;
        }

        var (_, elements, bytes) = GgufTensorTypes.Find((uint)type)!.Value;
        for (var block = 0; block < destination.Length / elements; block++)
        {
            if (!TryWidenBlock(type, source.Slice(block * bytes, bytes), destination.Slice(block * elements, elements)))
            {
                return block;
            }
        }

        return -1;
    }

    /// <summary>Integers and scales of a row of Q8_0 or Q4_0, as they are stored.</summary>
    /// <param name="type">Which of them.</param>
    /// <param name="source">The row's bytes.</param>
    /// <param name="values">An integer for each element: -128..127, or -8..7.</param>
    /// <param name="scales">A scale for each block.</param>
    /// <returns>The number of the first block whose scale is infinite or NaN; -1: none.</returns>
    public static int Unpack(GgufTensorType type, ReadOnlySpan<byte> source, Span<sbyte> values, Span<float> scales)
    {
        var (_, elements, bytes) = GgufTensorTypes.Find((uint)type)!.Value;
        for (var block = 0; block < scales.Length; block++)
        {
            var stored = source.Slice(block * bytes, bytes);
            UnpackSmall(type, stored[2..], values.Slice(block * elements, elements));
            scales[block] = Half(stored);
            if (!float.IsFinite(scales[block]))
            {
                return block;
            }
        }

        return -1;
    }

    private static bool TryWidenBlock(GgufTensorType type, ReadOnlySpan<byte> block, Span<float> values) => type switch
    {
        GgufTensorType.Q4_1 => TryWidenWithMinimum(block, bits: 4, hasMinimum: true, values),
        GgufTensorType.Q5_0 => TryWidenWithMinimum(block, bits: 5, hasMinimum: false, values),
        GgufTensorType.Q5_1 => TryWidenWithMinimum(block, bits: 5, hasMinimum: true, values),
        GgufTensorType.Q4_K => GgufSuperBlocks.TryWidenQ4K(block, values),
        GgufTensorType.Q5_K => GgufSuperBlocks.TryWidenQ5K(block, values),
        GgufTensorType.Q6_K => GgufSuperBlocks.TryWidenQ6K(block, values),
        _ => TryWidenSmall(type, block, values),
    };

    /// <summary>A scale, then integers.</summary>
    private static bool TryWidenSmall(GgufTensorType type, ReadOnlySpan<byte> block, Span<float> values)
    {
        Span<sbyte> integers = stackalloc sbyte[Small];
        UnpackSmall(type, block[2..], integers);
        var scale = Half(block);
        for (var i = 0; i < Small; i++)
        {
            values[i] = integers[i] * scale;
        }

        return float.IsFinite(scale);
    }

    /// <summary>32 signed bytes, or 16 bytes, whose low halves are the first 16 elements, and whose high halves are the last.</summary>
    private static void UnpackSmall(GgufTensorType type, ReadOnlySpan<byte> packed, Span<sbyte> integers)
    {
        if (type == GgufTensorType.Q8_0)
        {
            MemoryMarshal.Cast<byte, sbyte>(packed).CopyTo(integers);
            return;
        }

        for (var i = 0; i < packed.Length; i++)
        {
            integers[i] = (sbyte)((packed[i] & 15) - 8);
            integers[i + packed.Length] = (sbyte)((packed[i] >> 4) - 8);
        }
    }

    /// <summary>Scale and, or not, what is added; four bytes with the fifth bits, or none; 16 bytes of two elements each.</summary>
    private static bool TryWidenWithMinimum(ReadOnlySpan<byte> block, int bits, bool hasMinimum, Span<float> values)
    {
        var scale = Half(block);
        var (added, zero) = hasMinimum ? (Half(block[2..]), 0) : (0, 16);
        var rest = block[(hasMinimum ? 4 : 2)..];
        var fifth = bits == 5 ? BinaryPrimitives.ReadUInt32LittleEndian(rest) : 0;
        var packed = bits == 5 ? rest[4..] : rest;
        for (var i = 0; i < packed.Length; i++)
        {
            var low = (packed[i] & 15) | (int)((fifth >> i << 4) & 16);
            var high = (packed[i] >> 4) | (int)((fifth >> (i + 16) << 4) & 16);
            values[i] = ((low - zero) * scale) + added;
            values[i + packed.Length] = ((high - zero) * scale) + added;
        }

        return float.IsFinite(scale) && float.IsFinite(added);
    }

    /// <summary>The binary16 number that bytes begin with.</summary>
    public static float Half(ReadOnlySpan<byte> bytes) => (float)BinaryPrimitives.ReadHalfLittleEndian(bytes);
}
