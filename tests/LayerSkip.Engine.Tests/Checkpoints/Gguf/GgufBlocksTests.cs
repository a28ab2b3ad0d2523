using System.Runtime.InteropServices;
using System.Text.Json;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Checkpoints.Gguf;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Checkpoints.Gguf;

public class GgufBlocksTests
{
    private static readonly Lazy<JsonElement> s_golden = new(() => JsonElement.Parse(File.ReadAllBytes(
        Path.Combine(SharedData.RepositoryRoot, "tests/LayerSkip.Engine.Tests/Checkpoints/Gguf/ggml-blocks.json"))));

    [Theory]
    [InlineData("Q8_0")]
    [InlineData("Q4_0")]
    [InlineData("Q4_1")]
    [InlineData("Q5_0")]
    [InlineData("Q5_1")]
    [InlineData("Q4_K")]
    [InlineData("Q5_K")]
    [InlineData("Q6_K")]
    public void Blocks_widen_to_what_ggml_makes_of_them(string name)
    {
        var golden = s_golden.Value.GetProperty("dequantized").GetProperty(name);
        var expected = Floats(golden.GetProperty("values"));
        var found = new float[expected.Length];

        Assert.Equal(-1, GgufBlocks.Widen(Enum.Parse<GgufTensorType>(name), golden.GetProperty("blocks").GetBytesFromBase64(), found));
        Assert.Equal(expected, found);
    }

    [Theory]
    [InlineData("Q8_0")]
    [InlineData("Q4_0")]
    public void Rows_quantise_to_the_blocks_that_ggml_makes_of_them(string name)
    {
        var golden = s_golden.Value.GetProperty("quantized").GetProperty(name);
        var expected = golden.GetProperty("blocks").GetBytesFromBase64();
        var found = new byte[expected.Length];

        Assert.True(GgufQuantizer.TryNarrow(Enum.Parse<GgufTensorType>(name), Floats(golden.GetProperty("values")), found));
        Assert.Equal(expected, found);
    }

    [Theory]
    [InlineData("Q8_0", 0)]
    [InlineData("Q4_0", 0)]
    [InlineData("Q4_1", 2)]
    [InlineData("Q5_0", 0)]
    [InlineData("Q5_1", 2)]
    [InlineData("Q5_K", 2)]
    [InlineData("Q4_K", 0)]
    [InlineData("Q4_K", 2)]
    [InlineData("Q6_K", 208)]
    public void Scales_that_are_no_numbers_are_told_by_their_block(string name, int scaleAt)
    {
        var type = Enum.Parse<GgufTensorType>(name);
        var (_, elements, bytes) = GgufTensorTypes.Find((uint)type)!.Value;
        foreach (var scale in (Half[])[Half.NaN, Half.PositiveInfinity, Half.NegativeInfinity])
        {
            var blocks = new byte[3 * bytes];
            BitConverter.TryWriteBytes(blocks.AsSpan((2 * bytes) + scaleAt), scale);
            Assert.Equal(2, GgufBlocks.Widen(type, blocks, new float[3 * elements]));
        }
    }

    [Fact]
    public void Quantised_values_stay_within_half_a_step()
    {
        var random = new Random(11);
        var row = new float[64];
        var found = new float[64];
        foreach (var (type, steps) in ((GgufTensorType, float)[])[(GgufTensorType.Q8_0, 127), (GgufTensorType.Q4_0, 8)])
        {
            var stored = new byte[GgufTensorTypes.BytesOf(type, 64)];
            for (var trial = 0; trial < 200; trial++)
            {
                var size = MathF.Pow(2, random.Next(-6, 12));
                foreach (ref var value in row.AsSpan())
                {
                    value = size * ((2 * random.NextSingle()) - 1);
                }

                Assert.True(GgufQuantizer.TryNarrow(type, row, stored));
                Assert.Equal(-1, GgufBlocks.Widen(type, stored, found));
                for (var block = 0; block < 2; block++)
                {
                    // Half a step of rounding; a whole one for the side that 4 bits leave short; and the scale's own 11 bits.
                    var largest = row.AsSpan(32 * block, 32).ToArray().Max(MathF.Abs);
                    var bound = largest / steps * (type == GgufTensorType.Q4_0 ? 1.01f : 0.51f) + (largest * 6e-4f);
                    for (var i = 32 * block; i < 32 * (block + 1); i++)
                    {
                        Assert.InRange(found[i], row[i] - bound, row[i] + bound);
                    }
                }
            }
        }
    }

    [Theory]
    [InlineData("F16", 65_600f)]
    [InlineData("F32", float.NaN)]
    [InlineData("BF16", float.PositiveInfinity)]
    [InlineData("BF16", 3.4e38f)]
    [InlineData("Q8_0", 1e7f)]
    [InlineData("Q4_0", float.NaN)]
    public void Numbers_that_do_not_fit_are_not_written(string name, float number)
    {
        var type = Enum.Parse<GgufTensorType>(name);
        var row = new float[32];
        row[7] = number;
        Assert.False(GgufQuantizer.TryNarrow(type, row, new byte[GgufTensorTypes.BytesOf(type, 32)]));
    }

    private static float[] Floats(JsonElement base64) => MemoryMarshal.Cast<byte, float>(base64.GetBytesFromBase64()).ToArray();
}
