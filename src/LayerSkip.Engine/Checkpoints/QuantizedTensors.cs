namespace LayerSkip.Engine.Checkpoints;

/// <summary>How quantised matrices lie in safetensors files; docs/checkpoints.md describes it.</summary>
internal static class QuantizedTensors
{
    /// <summary>The safetensors type of integers of eight bits.</summary>
    public const string Int8Type = "I8";

    /// <summary>The safetensors type of integers of four bits, two to a byte.</summary>
    public const string Int4Type = "U8";

    /// <summary>Bytes of a block of four-bit integers.</summary>
    public const int Int4BlockBytes = WeightBlocks.Size / 2;

    /// <summary>What four-bit integers are offset by.</summary>
    private const int Int4Offset = 8;

    /// <summary>The name of the tensor that holds a matrix's scales.</summary>
    public static string ScalesOf(string name) => name + "_scale";

    /// <summary>Packs a row: integer i of a block in the lower half of its byte i, integer 16 + i in the upper half; zeros fill up the last block.</summary>
    /// <param name="values">The row's integers, -8..7.</param>
    /// <param name="packed">16 bytes for each block.</param>
    public static void PackInt4(ReadOnlySpan<sbyte> values, Span<byte> packed)
    {
        for (var at = 0; at < packed.Length; at++)
        {
            var first = (at / Int4BlockBytes * WeightBlocks.Size) + (at % Int4BlockBytes);
            var second = first + Int4BlockBytes;
            var low = (first < values.Length ? values[first] : 0) + Int4Offset;
            var high = (second < values.Length ? values[second] : 0) + Int4Offset;
            packed[at] = (byte)(low | (high << 4));
        }
    }

    /// <summary>Undoes <see cref="PackInt4"/>.</summary>
    public static void UnpackInt4(ReadOnlySpan<byte> packed, Span<sbyte> values)
    {
        for (var i = 0; i < values.Length; i++)
        {
            var within = i % WeightBlocks.Size;
            int pair = packed[(i / WeightBlocks.Size * Int4BlockBytes) + (within % Int4BlockBytes)];
            values[i] = (sbyte)((within < Int4BlockBytes ? pair & 0x0F : pair >> 4) - Int4Offset);
        }
    }
}
