using System.Xml.Linq;

namespace LayerSkip.Cli.Reports.Plots;

/// <summary>Shares in percent as horizontal bars, one a line, on an axis from 0 to the first marked value that none is above.</summary>
/// <param name="Id">Unique in the page.</param>
/// <param name="Title">What it shows.</param>
/// <param name="Label">What the length means, with its unit.</param>
/// <param name="Bars">From the top; each a share, 0..1.</param>
internal sealed record BarChart(string Id, string Title, string Label, IReadOnlyList<(string Name, double Share, int Colour)> Bars)
{
    private const double Left = 110;
    private const double Right = 70;
    private const double BarHeight = 22;
    private const double Step = 30;

    /// <summary>The chart; null where there is nothing to show.</summary>
    public XElement? Draw()
    {
        if (Bars.Count == 0)
        {
            return null;
        }

        var bottom = 6 + (Step * Bars.Count);
        var height = bottom + 42;
        var x = Axis.Linear(0, 100 * Bars.Max(bar => bar.Share), Left, Svg.Width - Right, widen: true);
        var picture = Svg.Picture(Id, Title, string.Join("; ", Bars.Select(bar => $"{bar.Name}: {Percent(bar.Share)}")), height);
        foreach (var tick in x.Ticks)
        {
            picture.Add(
                Svg.Element("line", ("class", "grid"), ("x1", x.At(tick)), ("x2", x.At(tick)), ("y1", 0.0), ("y2", bottom)),
                Svg.Text("text", Axis.Label(tick), ("class", "tick"), ("x", x.At(tick)), ("y", bottom + 16), ("text-anchor", "middle")));
        }

        foreach (var (index, (name, share, colour)) in Bars.Index())
        {
            var top = 6 + (Step * index);
            var end = x.At(100 * share);
            picture.Add(
                Svg.Text("text", name, ("class", "tick"), ("x", Left - 8), ("y", top + 15), ("text-anchor", "end")),
                Svg.Element("rect", ("class", $"fill c{colour}"), ("x", Left), ("y", top), ("width", end - Left), ("height", BarHeight)),
                Svg.Text("text", Percent(share), ("class", "value"), ("x", end + 6), ("y", top + 15)));
        }

        picture.Add(Svg.Text("text", Label, ("class", "label"), ("x", (Left + Svg.Width - Right) / 2), ("y", height - 6), ("text-anchor", "middle")));
        return Svg.Figure(Title, picture);
    }

    private static string Percent(double share) => FormattableString.Invariant($"{100 * share:0.0} %");
}
