using LayerSkip.Engine.Cuda.Verification;

namespace LayerSkip.Engine.Cuda.Tests.Kernels;

/// <summary>What counts as the same result.</summary>
public class DeviationTests
{
    private static readonly float s_otherNaN = BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(float.NaN) ^ 1);

    public static TheoryData<float, float> OtherBits => new() { { 0f, -0f }, { -0f, 0f }, { float.NaN, s_otherNaN }, { 1f, MathF.BitIncrement(1f) } };

    [Theory]
    [MemberData(nameof(OtherBits))]
    public void What_must_be_exact_has_the_same_bits(float expected, float actual)
    {
        var (near, same) = (new Deviation(0), new Deviation(0));
        near.Near(expected, actual, 1, 2, 3);
        same.Same(expected, actual, "element", 5);
        Assert.Contains("row 2, element 3", near.Problem, StringComparison.Ordinal);
        Assert.Contains("element 5", same.Problem, StringComparison.Ordinal);
        foreach (var value in new[] { expected, actual })
        {
            var right = new Deviation(0);
            right.Near(value, value, 1, 0);
            right.Same(value, value, "element", 0);
            Assert.Null(right.Problem);
        }
    }

    [Fact]
    public void What_may_be_off_is_a_number_within_the_bound()
    {
        var deviation = new Deviation(0.1);
        deviation.Near(0, -0.0, 1, 0);
        deviation.Near(2, 2.15, 2, 0);
        Assert.Null(deviation.Problem);
        Assert.Equal(0.075, deviation.Error, 1e-12);
        deviation.Near(2, float.NaN, 2, 1);
        Assert.Contains("row 1", deviation.Problem, StringComparison.Ordinal);
        Assert.Equal(double.NaN, deviation.Error);
    }
}
