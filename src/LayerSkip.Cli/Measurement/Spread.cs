namespace LayerSkip.Cli.Measurement;

/// <summary>A measurement over several runs.</summary>
/// <param name="Median">The middle value, or the mean of the two in the middle.</param>
/// <param name="Min">The smallest.</param>
/// <param name="Max">The largest.</param>
internal sealed record Spread(double Median, double Min, double Max)
{
    /// <summary>Over those runs that have a value; null where none has.</summary>
    public static Spread? OfMeasured(IEnumerable<double?> values) => values.OfType<double>().ToArray() is { Length: > 0 } measured ? Of(measured) : null;

    /// <param name="values">One value a run, at least one.</param>
    public static Spread Of(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        var middle = sorted.Length / 2;
        var median = sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
        return new Spread(median, sorted[0], sorted[^1]);
    }
}
