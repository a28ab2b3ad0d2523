namespace LayerSkip.Cli.Reports;

/// <summary>Large numbers for people.</summary>
internal static class Quantity
{
    private static readonly string[] s_binaryUnits = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    private static readonly string[] s_decimalUnits = ["", " k", " M", " G", " T"];

    /// <summary>A size: <c>9.85 MiB</c>.</summary>
    public static string Bytes(double bytes)
    {
        var (value, unit) = Scale(bytes, 1024, s_binaryUnits);
        return unit == s_binaryUnits[0] ? FormattableString.Invariant($"{value:0} {unit}") : FormattableString.Invariant($"{value:0.00} {unit}");
    }

    /// <summary>A count or a rate in thousands, millions ...: <c>5.17 M</c>.</summary>
    public static string Count(double count)
    {
        var (value, unit) = Scale(count, 1000, s_decimalUnits);
        return unit.Length == 0 ? FormattableString.Invariant($"{value:0.##}") : FormattableString.Invariant($"{value:0.00}{unit}");
    }

    /// <summary>A number of things: <c>1 round</c>, <c>2 rounds</c>.</summary>
    /// <param name="count">How many.</param>
    /// <param name="thing">One of them, whose plural ends in s.</param>
    public static string Of(int count, string thing) => FormattableString.Invariant($"{count} {thing}{(count == 1 ? "" : "s")}");

    private static (double Value, string Unit) Scale(double value, double step, string[] units)
    {
        var unit = 0;
        while (value >= step && unit < units.Length - 1)
        {
            value /= step;
            unit++;
        }

        return (value, units[unit]);
    }
}
