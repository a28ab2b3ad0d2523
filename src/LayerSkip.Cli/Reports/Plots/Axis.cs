using System.Globalization;

namespace LayerSkip.Cli.Reports.Plots;

/// <summary>Maps values to pixels, and knows round values to mark.</summary>
internal sealed class Axis
{
    private readonly double _min;
    private readonly double _max;
    private readonly double _start;
    private readonly double _end;
    private readonly bool _logarithmic;

    private Axis(double min, double max, double start, double end, bool logarithmic) =>
        (_min, _max, _start, _end, _logarithmic) = (min, max, start, end, logarithmic);

    /// <summary>Marked values, ascending.</summary>
    public required IReadOnlyList<double> Ticks { get; init; }

    /// <summary>From min to max in equal steps.</summary>
    /// <param name="min">Value at <paramref name="start"/>.</param>
    /// <param name="max">Value at <paramref name="end"/>.</param>
    /// <param name="start">Pixel.</param>
    /// <param name="end">Pixel.</param>
    /// <param name="widen">Widened to marked values, rather than exactly from min to max.</param>
    public static Axis Linear(double min, double max, double start, double end, bool widen = false)
    {
        max = max > min ? max : min + 1;
        var step = RoundStep((max - min) / 5);
        (min, max) = widen ? (Math.Floor(min / step) * step, Math.Ceiling(max / step) * step) : (min, max);
        var first = Math.Ceiling(min / step);
        return new Axis(min, max, start, end, logarithmic: false)
        {
            Ticks = [.. Enumerable.Range(0, 12).Select(i => (first + i) * step).TakeWhile(tick => tick <= max + (1e-9 * step))],
        };
    }

    /// <summary>Widened to marked values. For positive values over more than a decade.</summary>
    public static Axis Logarithmic(double min, double max, double start, double end)
    {
        var marks = Enumerable.Range(-30, 60).SelectMany(power => new[] { 1.0, 2, 5 }.Select(digit => digit * Math.Pow(10, power))).ToArray();
        var first = Math.Max(0, Array.FindLastIndex(marks, mark => mark <= min));
        var last = Array.FindIndex(marks, first + 1, mark => mark >= max);
        last = last < 0 ? marks.Length - 1 : last;
        return new Axis(marks[first], marks[last], start, end, logarithmic: true) { Ticks = marks[first..(last + 1)] };
    }

    /// <summary>The pixel of a value, kept on the axis.</summary>
    public double At(double value)
    {
        var share = _logarithmic ? Math.Log(value / _min) / Math.Log(_max / _min) : (value - _min) / (_max - _min);
        return _start + (Math.Clamp(double.IsNaN(share) ? 0 : share, 0, 1) * (_end - _start));
    }

    /// <summary>A value in few characters: <c>12k</c>, <c>0.05</c>, <c>2e-4</c>.</summary>
    public static string Label(double value) => Math.Abs(value) switch
    {
        0 => "0",
        >= 1e6 => (value / 1e6).ToString("0.##", CultureInfo.InvariantCulture) + "M",
        >= 1e4 => (value / 1e3).ToString("0.##", CultureInfo.InvariantCulture) + "k",
        < 1e-4 => value.ToString("0.##e0", CultureInfo.InvariantCulture),
        _ => value.ToString("G4", CultureInfo.InvariantCulture),
    };

    /// <summary>1, 2 or 5 times a power of ten, at least the value.</summary>
    private static double RoundStep(double value)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(value)));
        return power * ((value / power) switch { <= 1 => 1, <= 2 => 2, <= 5 => 5, _ => 10 });
    }
}
