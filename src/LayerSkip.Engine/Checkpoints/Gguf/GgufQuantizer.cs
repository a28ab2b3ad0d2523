using System.Buffers.Binary;

namespace LayerSkip.Engine.Checkpoints.Gguf;

/// <summary>float32 to the elements or blocks of a GGUF tensor, as ggml's own reference rounds them.</summary>
internal static class GgufQuantizer
{
    private const int Block = 32;

    // The largest float32 that does not become infinite as a bfloat16.
    private static readonly float s_largestToBF16 = BitConverter.UInt32BitsToSingle(0x7f7f7fff);

    /// <summary>The types that can be written.</summary>
    public static bool CanWrite(GgufTensorType type) =>
        type is GgufTensorType.F32 or GgufTensorType.F16 or GgufTensorType.BF16 or GgufTensorType.Q8_0 or GgufTensorType.Q4_0;

    /// <summary>Stores a row.</summary>
    /// <param name="type">How: a type that <see cref="CanWrite"/>.</param>
    /// <param name="row">A whole number of blocks.</param>
    /// <param name="stored">As many bytes as they take.</param>
    /// <returns>Whether every number is finite and fits the type.</returns>
    public static bool TryNarrow(GgufTensorType type, ReadOnlySpan<float> row, Span<byte> stored)
    {
        switch (type)
        {
            case GgufTensorType.F32:
                ElementNarrowing.Narrow(TensorDataType.F32, row, stored);
                return AreFinite(row, float.MaxValue);
            case GgufTensorType.F16:
                ElementNarrowing.Narrow(TensorDataType.F16, row, stored);
                return AreFinite(row, (float)Half.MaxValue);
            case GgufTensorType.BF16:
                ElementNarrowing.Narrow(TensorDataType.BF16, row, stored);
                return AreFinite(row, s_largestToBF16);
        }

        var (_, elements, bytes) = GgufTensorTypes.Find((uint)type)!.Value;
        for (var block = 0; block < row.Length / elements; block++)
        {
            var from = row.Slice(block * elements, elements);
            var to = stored.Slice(block * bytes, bytes);
            if (!(type == GgufTensorType.Q8_0 ? TryQuantizeQ8(from, to) : TryQuantizeQ4(from, to)))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The largest magnitude becomes 127.</summary>
    private static bool TryQuantizeQ8(ReadOnlySpan<float> values, Span<byte> block)
    {
        var largest = 0f;
        foreach (var value in values)
        {
            largest = MathF.Max(largest, MathF.Abs(value));
        }

        var scale = largest / 127;
        var inverse = scale == 0 ? 0 : 1 / scale;
        for (var i = 0; i < Block; i++)
        {
            block[2 + i] = (byte)(sbyte)MathF.Round(values[i] * inverse, MidpointRounding.AwayFromZero);
        }

        return TryWriteScale(scale, block);
    }

    /// <summary>The number of largest magnitude becomes -8, whatever its sign.</summary>
    private static bool TryQuantizeQ4(ReadOnlySpan<float> values, Span<byte> block)
    {
        var extreme = 0f;
        foreach (var value in values)
        {
            extreme = MathF.Abs(value) > MathF.Abs(extreme) || float.IsNaN(value) ? value : extreme;
        }

        var scale = extreme / -8;
        var inverse = scale == 0 ? 0 : 1 / scale;
        for (var i = 0; i < Block / 2; i++)
        {
            block[2 + i] = (byte)(Quant(values[i] * inverse) | (Quant(values[i + (Block / 2)] * inverse) << 4));
        }

        return TryWriteScale(scale, block);

        static int Quant(float scaled) => Math.Clamp((int)(scaled + 8.5f), 0, 15);
    }

    private static bool TryWriteScale(float scale, Span<byte> block)
    {
        var half = (Half)scale;
        BinaryPrimitives.WriteHalfLittleEndian(block, half);
        return Half.IsFinite(half);
    }

    private static bool AreFinite(ReadOnlySpan<float> row, float limit)
    {
        foreach (var value in row)
        {
            if (!(MathF.Abs(value) <= limit))
            {
                return false;
            }
        }

        return true;
    }
}
