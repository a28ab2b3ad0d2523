using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace LayerSkip.Engine.Checkpoints;

/// <summary>Quantised weights: a row is cut into blocks of 32 integers, each block with a float32 scale; weight = integer · scale.</summary>
/// <remarks>
/// <see cref="TensorDataType.Int8"/> holds -128..127, <see cref="TensorDataType.Int4"/> -8..7. Blocks of GGUF's Q8_0 and Q4_0 fit as they are, their
/// float16 scales widened. The last block of a row may be shorter.
/// </remarks>
internal static class WeightBlocks
{
    /// <summary>Weights of a block.</summary>
    public const int Size = 32;

    /// <summary>Blocks whose weights are all smaller count as zeros: their scale's reciprocal would overflow.</summary>
    private const float Smallest = 1e-30f;

    /// <summary>Blocks of a row.</summary>
    public static int Count(int columns) => (columns + Size - 1) / Size;

    /// <summary>Whether tensors of the type consist of such blocks.</summary>
    public static bool AreIn(TensorDataType dataType) => dataType is TensorDataType.Int8 or TensorDataType.Int4;

    /// <summary>Quantises a row. A block that holds a NaN or an infinity gets a scale that is not finite either.</summary>
    /// <param name="dataType"><see cref="TensorDataType.Int8"/> or <see cref="TensorDataType.Int4"/>.</param>
    /// <param name="weights">The row.</param>
    /// <param name="values">One integer a weight.</param>
    /// <param name="scales">One scale a block.</param>
    public static void Quantize(TensorDataType dataType, ReadOnlySpan<float> weights, Span<sbyte> values, Span<float> scales)
    {
        for (var b = 0; b < scales.Length; b++)
        {
            var first = b * Size;
            var count = Math.Min(Size, weights.Length - first);
            var block = weights.Slice(first, count);
            var integers = values.Slice(first, count);
            scales[b] = dataType == TensorDataType.Int8 ? QuantizeInt8(block, integers) : QuantizeInt4(block, integers);
        }
    }

    /// <summary>weight = integer · scale.</summary>
    public static void Dequantize(ReadOnlySpan<sbyte> values, ReadOnlySpan<float> scales, Span<float> weights)
    {
        for (var i = 0; i < weights.Length; i++)
        {
            weights[i] = values[i] * scales[i / Size];
        }
    }

    /// <summary>The greatest magnitude becomes ±127: an error of at most half a 127th of it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float QuantizeInt8(ReadOnlySpan<float> block, Span<sbyte> values)
    {
        var extreme = Math.Abs(Extreme(block));
        var inverse = extreme < Smallest ? 0 : 127 / extreme;
        Round(block, inverse, -127, 127, values);
        return extreme < Smallest ? 0 : extreme / 127;
    }

    /// <summary>
    /// The weight of the greatest magnitude becomes -8, the end that reaches one further, as in GGUF's Q4_0: an error of at most an eighth of it,
    /// and of half that where the other end's 7 suffices.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float QuantizeInt4(ReadOnlySpan<float> block, Span<sbyte> values)
    {
        var extreme = Extreme(block);
        var inverse = Math.Abs(extreme) < Smallest ? 0 : -8 / extreme;
        Round(block, inverse, -8, 7, values);
        return Math.Abs(extreme) < Smallest ? 0 : extreme / -8;
    }

    /// <summary>The first weight of the greatest magnitude; NaN where there is one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Extreme(ReadOnlySpan<float> block)
    {
        if (block.Length == Size)
        {
            var greatest = Vector256.Max(
                Vector256.Max(Vector256.Abs(Eight(block, 0)), Vector256.Abs(Eight(block, 8))), Vector256.Max(Vector256.Abs(Eight(block, 16)), Vector256.Abs(Eight(block, 24))));
            var magnitude = 0f;
            for (var lane = 0; lane < Vector256<float>.Count; lane++)
            {
                magnitude = MathF.Max(magnitude, greatest[lane]);
            }

            for (var first = 0; first < Size; first += Vector256<float>.Count)
            {
                var equal = Vector256.Equals(Vector256.Abs(Eight(block, first)), Vector256.Create(magnitude)).ExtractMostSignificantBits();
                if (equal != 0)
                {
                    return block[first + BitOperations.TrailingZeroCount(equal)];
                }
            }

            return float.NaN;
        }

        var extreme = 0f;
        foreach (var weight in block)
        {
            extreme = Math.Abs(weight) > Math.Abs(extreme) || float.IsNaN(weight) ? weight : extreme;
        }

        return extreme;
    }

    /// <summary>integer = weight · inverse, to the nearest, of two the even one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Round(ReadOnlySpan<float> block, float inverse, float least, float most, Span<sbyte> values)
    {
        if (block.Length == Size)
        {
            var low = Vector256.Narrow(Rounded(Eight(block, 0)), Rounded(Eight(block, 8)));
            var high = Vector256.Narrow(Rounded(Eight(block, 16)), Rounded(Eight(block, 24)));
            Vector256.Narrow(low, high).CopyTo(values);
            return;
        }

        for (var i = 0; i < block.Length; i++)
        {
            values[i] = (sbyte)Math.Clamp(MathF.Round(block[i] * inverse), least, most);
        }

        Vector256<int> Rounded(Vector256<float> weights) =>
            Vector256.ConvertToInt32(Vector256.Clamp(Vector256.Round(weights * inverse), Vector256.Create(least), Vector256.Create(most)));
    }

    private static Vector256<float> Eight(ReadOnlySpan<float> block, int first) => Vector256.Create(block.Slice(first, Vector256<float>.Count));
}
