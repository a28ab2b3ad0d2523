namespace LayerSkip.Engine.Checkpoints;

/// <summary>The element types that safetensors files may name.</summary>
internal static class SafetensorsDataTypes
{
    /// <summary>Bits of an element, or null where the format knows no such type.</summary>
    public static int? BitsOf(string dataType) => dataType switch
    {
        "F4" => 4,
        "F6_E2M3" or "F6_E3M2" => 6,
        "BOOL" or "U8" or "I8" or "F8_E5M2" or "F8_E4M3" or "F8_E8M0" => 8,
        "I16" or "U16" or "F16" or "BF16" => 16,
        "I32" or "U32" or "F32" => 32,
        "I64" or "U64" or "F64" or "C64" => 64,
        _ => null,
    };

    /// <summary>The type of a tensor that can be read as a weight, or null for the others, which a file may hold all the same.</summary>
    public static TensorDataType? AsWeight(string dataType) => dataType switch
    {
        "F32" => TensorDataType.F32,
        "F16" => TensorDataType.F16,
        "BF16" => TensorDataType.BF16,
        _ => null,
    };

    /// <summary>Bytes of an element of a weight.</summary>
    public static int SizeOf(TensorDataType type) => type == TensorDataType.F32 ? 4 : 2;

    /// <summary>Bytes of a tensor, or null where they do not fit a long or end within a byte.</summary>
    public static long? BytesOf(ReadOnlySpan<long> shape, int bitsPerElement)
    {
        Int128 bits = bitsPerElement;
        foreach (var dimension in shape)
        {
            // Both factors stay below 2^63, so that the product fits 127 bits.
            bits *= dimension;
            if (bits > long.MaxValue)
            {
                return null;
            }
        }

        return bits % 8 == 0 ? (long)(bits / 8) : null;
    }
}
