using System.Runtime.InteropServices;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Tests.Checkpoints;

public class ElementWideningTests
{
    private static readonly ushort[] AllPatterns = [.. Enumerable.Range(0, 65536).Select(bits => (ushort)bits)];

    [Fact]
    public void Every_BF16_pattern_is_the_upper_half_of_a_binary32()
    {
        var wide = Widen(TensorDataType.BF16, AllPatterns);
        Assert.All(AllPatterns, bits => Assert.Equal((uint)bits << 16, BitConverter.SingleToUInt32Bits(wide[bits])));
    }

    [Fact]
    public void Every_F16_pattern_is_widened_exactly()
    {
        var wide = Widen(TensorDataType.F16, AllPatterns);
        foreach (var bits in AllPatterns)
        {
            var expected = (float)BitConverter.UInt16BitsToHalf(bits);
            if (float.IsNaN(expected))
            {
                // The runtime's conversion quietens signalling NaNs; here the payload and the sign stay as they are.
                Assert.Equal((uint)(bits & 0x3ff) << 13 | 0x7f800000u | (uint)(bits >> 15) << 31, BitConverter.SingleToUInt32Bits(wide[bits]));
            }
            else
            {
                Assert.Equal(BitConverter.SingleToUInt32Bits(expected), BitConverter.SingleToUInt32Bits(wide[bits]));
            }
        }
    }

    [Theory]
    [InlineData(TensorDataType.BF16)]
    [InlineData(TensorDataType.F16)]
    public void Every_length_gives_what_single_elements_give(TensorDataType type)
    {
        // Lengths around the vector width cross from the vectorised loop to the scalar one at every place.
        var patterns = AllPatterns.Where((_, index) => index % 509 == 0).ToArray();
        for (var length = 0; length <= 100; length++)
        {
            var together = Widen(type, patterns[..length]);
            var alone = patterns[..length].SelectMany(bits => Widen(type, [bits])).ToArray();
            Assert.Equal(alone.Select(BitConverter.SingleToUInt32Bits), together.Select(BitConverter.SingleToUInt32Bits));
        }
    }

    [Fact]
    public void Bytes_that_do_not_match_the_elements_are_refused() =>
        Assert.Throws<ArgumentException>(() => ElementWidening.Widen(TensorDataType.BF16, new byte[7], new float[4]));

    private static float[] Widen(TensorDataType type, ushort[] patterns)
    {
        var wide = new float[patterns.Length];
        ElementWidening.Widen(type, MemoryMarshal.AsBytes<ushort>(patterns), wide);
        return wide;
    }
}
