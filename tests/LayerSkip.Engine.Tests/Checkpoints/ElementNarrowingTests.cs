using System.Runtime.InteropServices;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Tests.Checkpoints;

public class ElementNarrowingTests
{
    [Theory]
    [InlineData(TensorDataType.BF16)]
    [InlineData(TensorDataType.F16)]
    public void Every_stored_number_survives_the_way_there_and_back(TensorDataType type)
    {
        ushort[] patterns = [.. Enumerable.Range(0, 65536).Select(bits => (ushort)bits)];
        var wide = new float[patterns.Length];
        ElementWidening.Widen(type, MemoryMarshal.AsBytes<ushort>(patterns), wide);
        var narrow = new ushort[patterns.Length];
        ElementNarrowing.Narrow(type, wide, MemoryMarshal.AsBytes(narrow.AsSpan()));
        var again = new float[patterns.Length];
        ElementWidening.Widen(type, MemoryMarshal.AsBytes<ushort>(narrow), again);
        for (var i = 0; i < patterns.Length; i++)
        {
            Assert.True(patterns[i] == narrow[i] || (float.IsNaN(wide[i]) && float.IsNaN(again[i])), $"{patterns[i]:x4} became {narrow[i]:x4}");
        }
    }

    [Theory]
    [InlineData(0x3f800000u, 0x3f80)] // 1
    [InlineData(0x3f807fffu, 0x3f80)] // just below the tie
    [InlineData(0x3f808000u, 0x3f80)] // tie, even below
    [InlineData(0x3f808001u, 0x3f81)] // just above the tie
    [InlineData(0x3f818000u, 0x3f82)] // tie, even above
    [InlineData(0xbf818000u, 0xbf82)] // the same, negative
    [InlineData(0x00008000u, 0x0000)] // half the smallest subnormal
    [InlineData(0x00008001u, 0x0001)]
    [InlineData(0x7f7fffffu, 0x7f80)] // the largest number becomes infinite
    [InlineData(0x7f800000u, 0x7f80)]
    [InlineData(0x7f800001u, 0x7fc0)] // a NaN whose payload lies in the lower half
    [InlineData(0xffffffffu, 0xffff)]
    public void BF16_is_rounded_to_nearest_even(uint bits, int expected) =>
        Assert.Equal(expected, ElementNarrowing.ToBF16(BitConverter.UInt32BitsToSingle(bits)));

    [Theory]
    [InlineData(TensorDataType.F32)]
    [InlineData(TensorDataType.F16)]
    [InlineData(TensorDataType.BF16)]
    public void Rounding_in_place_gives_what_storing_gives(TensorDataType type)
    {
        var random = new Random(3);
        var values = Enumerable.Range(0, 1000).Select(_ => (random.NextSingle() - 0.5f) * MathF.Pow(10, random.Next(-9, 6))).ToArray();
        var stored = new byte[values.Length * SafetensorsDataTypes.SizeOf(type)];
        ElementNarrowing.Narrow(type, values, stored);
        var expected = new float[values.Length];
        ElementWidening.Widen(type, stored, expected);
        ElementNarrowing.Round(type, values);
        Assert.Equal(expected, values);
    }
}
