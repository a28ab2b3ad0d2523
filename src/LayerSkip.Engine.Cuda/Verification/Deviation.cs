using System.Globalization;
using System.Runtime.InteropServices;

namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>How far a kernel's results are from what they must be.</summary>
/// <param name="bound">The largest error allowed; 0: every value is compared to the bit.</param>
internal sealed class Deviation(double bound)
{
    public double Bound => bound;

    /// <summary>The largest error so far; NaN where a result is.</summary>
    public double Error { get; private set; }

    /// <summary>The first result that is wrong, in words; null: there is none.</summary>
    public string? Problem { get; private set; }

    /// <summary>A result that may be off by the bound times a magnitude.</summary>
    /// <param name="expected">What it must be.</param>
    /// <param name="actual">What it is.</param>
    /// <param name="magnitude">Of what it is computed from.</param>
    /// <param name="row">Where it stands.</param>
    /// <param name="column">Where in the row.</param>
    public void Near(double expected, double actual, double magnitude, int row, int column = 0)
    {
        var error = actual == expected ? 0 : Math.Abs(expected - actual) / magnitude;
        Error = Math.Max(Error, error); // a NaN stays
        if (bound == 0 ? !IsSame(expected, actual) : !(error <= bound))
        {
            Problem ??= string.Create(CultureInfo.InvariantCulture, $"row {row}, element {column}: {actual:G9} instead of {expected:G9}, off by {error:E1} of {magnitude:G3}");
        }
    }

    /// <summary>A result that must be exact, to the bit: a float's zeros of either sign are two, and so are two NaN of other bits.</summary>
    public void Same<T>(T expected, T actual, string what, int row)
        where T : unmanaged
    {
        if (!IsSame(expected, actual))
        {
            Problem ??= string.Create(CultureInfo.InvariantCulture, $"{what} {row} is {actual} instead of {expected}");
        }
    }

    /// <summary>Results that must be exact.</summary>
    public void Same<T>(ReadOnlySpan<T> expected, ReadOnlySpan<T> actual, string what)
        where T : unmanaged
    {
        for (var i = 0; i < expected.Length; i++)
        {
            Same(expected[i], actual[i], what, i);
        }
    }

    private static bool IsSame<T>(T expected, T actual)
        where T : unmanaged => MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in expected)).SequenceEqual(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in actual)));
}
