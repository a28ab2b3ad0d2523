using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace LayerSkip.Engine.Checkpoints.Gguf;

/// <summary>Stored elements of a GGUF tensor to float32: exact for unquantised types, and as ggml's own reference computes it for blocks.</summary>
internal static class GgufBlocks
{
    private const int Small = 32;
    private const int Super = 256;
    private const int Quarter = 64;

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
        GgufTensorType.Q4_K => TryWidenQ4K(block, values),
        GgufTensorType.Q6_K => TryWidenQ6K(block, values),
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

    /// <summary>Scale of scales, scale of minima; eight pairs of 6-bit scale and minimum in 12 bytes; 128 bytes of two elements each.</summary>
    private static bool TryWidenQ4K(ReadOnlySpan<byte> block, Span<float> values)
    {
        var (scale, minimum) = (Half(block), Half(block[2..]));
        var packed = block.Slice(4, 12);
        var quants = block[16..];
        for (var quarter = 0; quarter < Super / Quarter; quarter++)
        {
            // 64 elements: the low halves of 32 bytes, then their high halves.
            var bytes = quants.Slice(quarter * Small, Small);
            var low = values.Slice(quarter * Quarter, Small);
            var high = values.Slice((quarter * Quarter) + Small, Small);
            var (lowScale, lowMinimum) = PairOf(packed, 2 * quarter);
            var (highScale, highMinimum) = PairOf(packed, (2 * quarter) + 1);
            for (var i = 0; i < Small; i++)
            {
                low[i] = (scale * lowScale * (bytes[i] & 15)) - (minimum * lowMinimum);
                high[i] = (scale * highScale * (bytes[i] >> 4)) - (minimum * highMinimum);
            }
        }

        return float.IsFinite(scale) && float.IsFinite(minimum);
    }

    /// <summary>Four pairs in the low six bits of bytes 0-3 and 4-7; of the other four, four bits in bytes 8-11 and two atop the first eight.</summary>
    private static (int Scale, int Minimum) PairOf(ReadOnlySpan<byte> packed, int index) => index < 4
        ? (packed[index] & 63, packed[index + 4] & 63)
        : ((packed[index + 4] & 15) | (packed[index - 4] >> 6 << 4), (packed[index + 4] >> 4) | (packed[index] >> 6 << 4));

    /// <summary>128 bytes with the low four bits of two elements each; 64 with two more bits of four; 16 signed scales; their scale.</summary>
    private static bool TryWidenQ6K(ReadOnlySpan<byte> block, Span<float> values)
    {
        const int Half128 = 128;
        var scale = Half(block[208..]);
        for (var half = 0; half < 2; half++)
        {
            var low = block.Slice(half * Quarter, Quarter);
            var high = block.Slice(128 + (half * Small), Small);
            var scales = block.Slice(192 + (half * 8), 8);
            var output = values.Slice(half * Half128, Half128);
            for (var i = 0; i < Half128; i++)
            {
                // Four runs of 32: low halves of the first and second 32 bytes, then their high halves.
                var (run, lane) = (i / Small, i % Small);
                var nibble = low[((run & 1) * Small) + lane] >> (run >> 1 << 2) & 15;
                var quant = (nibble | (high[lane] >> (2 * run) & 3) << 4) - Small;
                output[i] = scale * (sbyte)scales[(2 * run) + (lane / 16)] * quant;
            }
        }

        return float.IsFinite(scale);
    }

    private static float Half(ReadOnlySpan<byte> bytes) => (float)BinaryPrimitives.ReadHalfLittleEndian(bytes);
}
