using LayerSkip.Training.Numerics;

namespace LayerSkip.Training.Tests;

/// <summary>Gradients by central differences in double precision, and their comparison with those of a backward pass.</summary>
internal static class NumericalGradient
{
    private const double Step = 1e-5;

    /// <summary>The gradient of <paramref name="loss"/> at <paramref name="at"/>, which is changed and restored.</summary>
    public static double[] Of(double[] at, Func<double> loss)
    {
        var gradient = new double[at.Length];
        for (var i = 0; i < at.Length; i++)
        {
            var value = at[i];
            at[i] = value + Step;
            var above = loss();
            at[i] = value - Step;
            var below = loss();
            at[i] = value;
            gradient[i] = (above - below) / (2 * Step);
        }

        return gradient;
    }

    /// <summary>Fails unless every element is within float32 rounding of the numerical gradient, measured against the largest element.</summary>
    public static void AssertMatches(double[] at, Func<double> loss, IReadOnlyList<double> actual, string what)
    {
        var expected = Of(at, loss);
        Assert.Equal(expected.Length, actual.Count);
        var tolerance = 2e-5 * (1 + expected.Max(Math.Abs));
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.True(Math.Abs(expected[i] - actual[i]) <= tolerance, $"{what}[{i}]: {actual[i]}, expected {expected[i]} within {tolerance:G2}");
        }
    }

    /// <summary>Σ a b: a loss whose gradient with respect to <paramref name="b"/> is <paramref name="a"/>.</summary>
    public static double Dot(double[] a, double[] b) => a.Zip(b, static (x, y) => x * y).Sum();
}
