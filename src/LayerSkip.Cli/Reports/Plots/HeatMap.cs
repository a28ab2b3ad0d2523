using System.Xml.Linq;

namespace LayerSkip.Cli.Reports.Plots;

/// <summary>Shares over exits and time: the more, the stronger the colour, by the square root so that small ones can be told apart.</summary>
/// <param name="Id">Unique in the page.</param>
/// <param name="Title">What it shows.</param>
/// <param name="Rows">From the top: a name, and a share (0..1) for each column.</param>
/// <param name="XMax">The value at the columns' end.</param>
internal sealed record HeatMap(string Id, string Title, IReadOnlyList<(string Name, IReadOnlyList<double> Shares)> Rows, double XMax)
{
    private const double Left = 110;
    private const double Right = 70;
    private const double Top = 6;

    /// <summary>The chart; null where there is nothing to show.</summary>
    public XElement? Draw()
    {
        if (Rows.Count == 0 || Rows[0].Shares.Count == 0)
        {
            return null;
        }

        var rowHeight = Math.Clamp(260.0 / Rows.Count, 6, 24);
        var bottom = Top + (rowHeight * Rows.Count);
        var height = bottom + 42;
        var most = Math.Max(Rows.Max(row => row.Shares.Max()), 1e-9);
        var x = Axis.Linear(0, XMax, Left, Svg.Width - Right);
        var width = (Svg.Width - Right - Left) / Rows[0].Shares.Count;
        var named = (int)Math.Ceiling(14 / rowHeight);
        var picture = Svg.Picture(Id, Title, string.Join("; ", Rows.Select(row => $"{row.Name}: {Percent(row.Shares.Average())} on average")), height);
        foreach (var (index, (name, shares)) in Rows.Index())
        {
            var top = Top + (rowHeight * index);
            var group = Svg.Element("g", ("class", "fill c5"));
            group.Add(Svg.Text("title", $"{name}: {Percent(shares.Average())} on average"));
            foreach (var (column, share) in shares.Index())
            {
                if (share > 0)
                {
                    group.Add(Svg.Element(
                        "rect", ("x", Left + (width * column)), ("y", top), ("width", width + 0.3), ("height", rowHeight - 0.5), ("fill-opacity", Math.Sqrt(share / most))));
                }
            }

            picture.Add(group, Svg.Text("text", Percent(shares.Average()), ("class", "tick"), ("x", Svg.Width - Right + 6), ("y", top + (rowHeight / 2) + 4)));
            if (index % named == 0 || index == Rows.Count - 1)
            {
                picture.Add(Svg.Text("text", name, ("class", "tick"), ("x", Left - 8), ("y", top + (rowHeight / 2) + 4), ("text-anchor", "end")));
            }
        }

        foreach (var tick in x.Ticks)
        {
            picture.Add(Svg.Text("text", Axis.Label(tick), ("class", "tick"), ("x", x.At(tick)), ("y", bottom + 16), ("text-anchor", "middle")));
        }

        picture.Add(Svg.Text("text", "optimizer steps", ("class", "label"), ("x", (Left + Svg.Width - Right) / 2), ("y", height - 6), ("text-anchor", "middle")));
        return Svg.Figure(Title, picture, Svg.Text("p", $"The strongest colour is {Percent(most)} of the loss, a quarter of it half as strong; at the right the mean over all steps.", ("class", "note")));
    }

    private static string Percent(double share) => FormattableString.Invariant($"{100 * share:0.0} %");
}
