using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Tests.Checkpoints;

/// <summary>Quantising beside a naive reference: bits are the same whatever the vectors.</summary>
public class WeightBlocksTests
{
    [Theory]
    [InlineData(TensorDataType.Int8)]
    [InlineData(TensorDataType.Int4)]
    public void Rows_are_quantised_as_element_by_element(TensorDataType type)
    {
        var random = new Random(5);
        for (var round = 0; round < 2000; round++)
        {
            var row = Enumerable.Range(0, random.Next(1, 140)).Select(_ => Weight(random, round % 4)).ToArray();
            var (values, scales) = (new sbyte[row.Length], new float[WeightBlocks.Count(row.Length)]);
            WeightBlocks.Quantize(type, row, values, scales);
            for (var b = 0; b < scales.Length; b++)
            {
                var block = row.Skip(32 * b).Take(32).ToArray();
                var (scale, integers) = Naive(type, block);
                Assert.Equal(BitConverter.SingleToInt32Bits(scale), BitConverter.SingleToInt32Bits(scales[b]));
                Assert.Equal(integers, values.Skip(32 * b).Take(32));
            }
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void What_is_not_finite_gives_a_scale_that_is_not(float value)
    {
        for (var place = 0; place < 40; place++)
        {
            var row = Enumerable.Range(0, 40).Select(static i => i - 20f).ToArray();
            row[place] = value;
            foreach (var type in (TensorDataType[])[TensorDataType.Int8, TensorDataType.Int4])
            {
                var (values, scales) = (new sbyte[row.Length], new float[2]);
                WeightBlocks.Quantize(type, row, values, scales);
                Assert.Equal(place / 32 == 0, !float.IsFinite(scales[0]));
                Assert.Equal(place / 32 == 1, !float.IsFinite(scales[1]));
            }
        }
    }

    /// <summary>Weights of all magnitudes, and, where few integers occur, ties of all kinds.</summary>
    private static float Weight(Random random, int kind) => kind switch
    {
        0 => 0,
        1 => random.Next(-8, 9),
        2 => (float)((random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-40, 38))),
        _ => (float)(random.NextDouble() - 0.5),
    };

    private static (float Scale, sbyte[] Integers) Naive(TensorDataType type, float[] block)
    {
        var extreme = block.OrderByDescending(MathF.Abs).First();
        if (MathF.Abs(extreme) < 1e-30f)
        {
            return (0, new sbyte[block.Length]);
        }

        return type == TensorDataType.Int8
            ? (MathF.Abs(extreme) / 127, [.. block.Select(weight => (sbyte)Math.Clamp(MathF.Round(weight * (127 / MathF.Abs(extreme))), -127, 127))])
            : (extreme / -8, [.. block.Select(weight => (sbyte)Math.Clamp(MathF.Round(weight * (-8 / extreme)), -8, 7))]);
    }
}
