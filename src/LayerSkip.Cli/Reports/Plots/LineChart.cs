using System.Globalization;
using System.Text;
using System.Xml.Linq;

namespace LayerSkip.Cli.Reports.Plots;

/// <summary>Lines over the steps of a run.</summary>
internal sealed record LineChart
{
    private const double Left = 64;
    private const double Right = 130;
    private const double Top = 12;
    private const double Bottom = 44;
    private const double LabelHeight = 15;

    /// <summary>Most points of a line; more are averaged.</summary>
    private const int MostPoints = 400;

    /// <summary>Unique in the page.</summary>
    public required string Id { get; init; }

    public required string Title { get; init; }

    public string XLabel { get; init; } = "optimizer steps";

    /// <summary>With its unit.</summary>
    public required string YLabel { get; init; }

    public required IReadOnlyList<Series> Series { get; init; }

    /// <summary>The x axis ends here at least.</summary>
    public double XMax { get; init; }

    /// <summary>The y axis ends here at least.</summary>
    public double YMax { get; init; }

    /// <summary>For values over decades.</summary>
    public bool Logarithmic { get; init; }

    /// <summary>Points are marked: there are few.</summary>
    public bool Marked { get; init; }

    /// <summary>The chart; null where there is nothing to show.</summary>
    public XElement? Draw()
    {
        var series = Series.Select(line => line with { Points = Thin(line.Points) }).Where(line => line.Points.Count > 0).ToArray();
        if (series.Length == 0)
        {
            return null;
        }

        var points = series.SelectMany(line => line.Points).ToArray();
        var x = Axis.Linear(0, Math.Max(XMax, points.Max(point => point.X)), Left, Svg.Width - Right);
        var (low, high) = (points.Min(point => point.Y), Math.Max(YMax, points.Max(point => point.Y)));
        var y = Logarithmic && low > 0 && high > 5 * low
            ? Axis.Logarithmic(low, high, Svg.Height - Bottom, Top)
            : Axis.Linear(Math.Min(0, low), high, Svg.Height - Bottom, Top, widen: true);

        var picture = Svg.Picture(Id, Title, string.Join("; ", series.Select(Describe)));
        DrawAxes(picture, x, y);
        foreach (var line in series)
        {
            DrawLine(picture, line, x, y);
        }

        DrawNames(picture, series, y);
        return Svg.Figure(Title, picture);
    }

    private static string Describe(Series line) =>
        FormattableString.Invariant($"{line.Name}: from {Axis.Label(line.Points[0].Y)} at {line.Points[0].X:0} to {Axis.Label(line.Points[^1].Y)} at {line.Points[^1].X:0}");

    /// <summary>Runs of neighbours become their means.</summary>
    private static IReadOnlyList<(double X, double Y)> Thin(IReadOnlyList<(double X, double Y)> points)
    {
        var size = (points.Count + MostPoints - 1) / MostPoints;
        return size <= 1 ? points : [.. points.Chunk(size).Select(chunk => (chunk[^1].X, chunk.Average(point => point.Y)))];
    }

    private void DrawAxes(XElement picture, Axis x, Axis y)
    {
        var (right, bottom) = (Svg.Width - Right, Svg.Height - Bottom);
        foreach (var tick in y.Ticks)
        {
            var at = y.At(tick);
            picture.Add(
                Svg.Element("line", ("class", "grid"), ("x1", Left), ("x2", right), ("y1", at), ("y2", at)),
                Svg.Text("text", Axis.Label(tick), ("class", "tick"), ("x", Left - 8), ("y", at + 4), ("text-anchor", "end")));
        }

        foreach (var tick in x.Ticks)
        {
            picture.Add(
                Svg.Element("line", ("class", "axis"), ("x1", x.At(tick)), ("x2", x.At(tick)), ("y1", bottom), ("y2", bottom + 4)),
                Svg.Text("text", Axis.Label(tick), ("class", "tick"), ("x", x.At(tick)), ("y", bottom + 18), ("text-anchor", "middle")));
        }

        var middle = (Top + bottom) / 2;
        picture.Add(
            Svg.Element("line", ("class", "axis"), ("x1", Left), ("x2", right), ("y1", bottom), ("y2", bottom)),
            Svg.Text("text", XLabel, ("class", "label"), ("x", (Left + right) / 2), ("y", Svg.Height - 6), ("text-anchor", "middle")),
            Svg.Text("text", YLabel, ("class", "label"), ("x", 14.0), ("y", middle), ("text-anchor", "middle"), ("transform", FormattableString.Invariant($"rotate(-90 14 {middle})"))));
    }

    private void DrawLine(XElement picture, Series line, Axis x, Axis y)
    {
        var path = new StringBuilder();
        foreach (var (index, point) in line.Points.Index())
        {
            path.Append(index == 0 ? 'M' : 'L').Append(CultureInfo.InvariantCulture, $"{Svg.Number(x.At(point.X))} {Svg.Number(y.At(point.Y))}");
        }

        var group = Svg.Element("g", ("class", $"{(line.Strong ? "strong " : "")}c{line.Colour}"));
        group.Add(Svg.Text("title", line.Name), Svg.Element("path", ("d", path)));
        if (Marked || line.Points.Count == 1)
        {
            foreach (var point in line.Points)
            {
                var mark = Svg.Element("circle", ("cx", x.At(point.X)), ("cy", y.At(point.Y)), ("r", 3.0));
                mark.Add(Svg.Text("title", FormattableString.Invariant($"{line.Name}, {XLabel} {point.X:0}: {point.Y:0.####}")));
                group.Add(mark);
            }
        }

        picture.Add(group);
    }

    /// <summary>The legend: each name at its line's end, moved apart where they would overlap.</summary>
    private static void DrawNames(XElement picture, Series[] series, Axis y)
    {
        var right = Svg.Width - Right + 8;
        var names = series.Select(line => (Line: line, At: y.At(line.Points[^1].Y))).OrderBy(name => name.At).ToArray();
        for (var i = 1; i < names.Length; i++)
        {
            names[i].At = Math.Max(names[i].At, names[i - 1].At + LabelHeight);
        }

        var excess = names[^1].At - (Svg.Height - Bottom);
        for (var i = names.Length - 1; i >= 0 && excess > 0; i--)
        {
            names[i].At = Math.Min(names[i].At, Svg.Height - Bottom - ((names.Length - 1 - i) * LabelHeight));
        }

        foreach (var (line, at) in names)
        {
            picture.Add(Svg.Text("text", line.Name, ("class", $"name c{line.Colour}"), ("x", right), ("y", at + 4)));
        }
    }
}
