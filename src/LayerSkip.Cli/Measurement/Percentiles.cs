namespace LayerSkip.Cli.Measurement;

/// <summary>How values are spread: half of them are at most <paramref name="P50"/>, nine tenths at most <paramref name="P90"/>, 99 of 100 at most <paramref name="P99"/>.</summary>
internal sealed record Percentiles(double P50, double P90, double P99)
{
    /// <param name="values">At least one.</param>
    public static Percentiles Of(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return new Percentiles(At(sorted, 50), At(sorted, 90), At(sorted, 99));
    }

    /// <summary>The smallest value that so many percent of the values do not exceed.</summary>
    /// <param name="sorted">Ascending, at least one.</param>
    /// <param name="percent">Above 0, at most 100.</param>
    public static double At(double[] sorted, double percent) => sorted[(int)Math.Ceiling(percent / 100 * sorted.Length) - 1];
}
