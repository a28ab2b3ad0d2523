namespace LayerSkip.Engine.Checkpoints.Gguf;

/// <summary>Blocks of 256 elements, whose groups have scales that are quantised themselves.</summary>
/// <remarks>Each method tells whether the numbers that scale all else are finite.</remarks>
internal static class GgufSuperBlocks
{
    private const int Small = 32;
    private const int Super = 256;
    private const int Quarter = 64;

    /// <summary>Scale of scales, scale of minima; eight pairs of 6-bit scale and minimum in 12 bytes; 128 bytes of two elements each.</summary>
    public static bool TryWidenQ4K(ReadOnlySpan<byte> block, Span<float> values) => TryWidenPairs(block, default, block[16..], values);

    /// <summary>As <see cref="TryWidenQ4K"/>, with 32 bytes before the elements, whose bits are the fifth bits of eight elements each.</summary>
    public static bool TryWidenQ5K(ReadOnlySpan<byte> block, Span<float> values) => TryWidenPairs(block, block.Slice(16, Small), block[48..], values);

    private static bool TryWidenPairs(ReadOnlySpan<byte> block, ReadOnlySpan<byte> fifth, ReadOnlySpan<byte> quants, Span<float> values)
    {
        var (scale, minimum) = (GgufBlocks.Half(block), GgufBlocks.Half(block[2..]));
        var packed = block.Slice(4, 12);
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
                var bits = fifth.IsEmpty ? 0 : fifth[i] >> (2 * quarter);
                low[i] = (scale * lowScale * ((bytes[i] & 15) | (bits & 1) << 4)) - (minimum * lowMinimum);
                high[i] = (scale * highScale * ((bytes[i] >> 4) | (bits & 2) << 3)) - (minimum * highMinimum);
            }
        }

        return float.IsFinite(scale) && float.IsFinite(minimum);
    }

    /// <summary>Four pairs in the low six bits of bytes 0-3 and 4-7; of the other four, four bits in bytes 8-11 and two atop the first eight.</summary>
    private static (int Scale, int Minimum) PairOf(ReadOnlySpan<byte> packed, int index) => index < 4
        ? (packed[index] & 63, packed[index + 4] & 63)
        : ((packed[index + 4] & 15) | (packed[index - 4] >> 6 << 4), (packed[index + 4] >> 4) | (packed[index] >> 6 << 4));

    /// <summary>128 bytes with the low four bits of two elements each; 64 with two more bits of four; 16 signed scales; their scale.</summary>
    public static bool TryWidenQ6K(ReadOnlySpan<byte> block, Span<float> values)
    {
        const int Half128 = 128;
        var scale = GgufBlocks.Half(block[208..]);
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
}
