using System.Xml.Linq;

namespace LayerSkip.Cli.Reports.Plots;

/// <summary>A value for each pair of row and column: the farther from the neutral value, the stronger the colour; another colour below it.</summary>
internal sealed record GridMap
{
    private const double Left = 70;
    private const double Right = 20;
    private const double Top = 6;
    private const double Bottom = 46;

    /// <summary>Text on it has to stay readable.</summary>
    private const double Strongest = 0.62;

    /// <summary>Width of a cell that has room for its value.</summary>
    private const double TextWidth = 36;

    /// <summary>Unique in the page.</summary>
    public required string Id { get; init; }

    public required string Title { get; init; }

    public required string RowLabel { get; init; }

    public required string ColumnLabel { get; init; }

    /// <summary>From the top.</summary>
    public required IReadOnlyList<int> Rows { get; init; }

    /// <summary>From the left.</summary>
    public required IReadOnlyList<int> Columns { get; init; }

    /// <summary>Finite values; a pair may be missing.</summary>
    public required IReadOnlyDictionary<(int Row, int Column), double> Values { get; init; }

    /// <summary>A value as text, with its unit.</summary>
    public required Func<double, string> Show { get; init; }

    /// <summary>The value that has no colour.</summary>
    public double Neutral { get; init; }

    /// <summary>The pair that is framed.</summary>
    public required (int Row, int Column) Framed { get; init; }

    /// <summary>The chart; null where there is nothing to show.</summary>
    public XElement? Draw()
    {
        if (Values.Count == 0 || Rows.Count == 0 || Columns.Count == 0)
        {
            return null;
        }

        var width = (Svg.Width - Left - Right) / Columns.Count;
        var rowHeight = Math.Clamp(360.0 / Rows.Count, 14, 30);
        var bottom = Top + (rowHeight * Rows.Count);
        var reach = Math.Max(Values.Values.Max(value => Math.Abs(value - Neutral)), 1e-9);
        var largest = Values.MaxBy(value => value.Value);
        var picture = Svg.Picture(Id, Title, $"largest: {Name(largest.Key)}, {Show(largest.Value)}; smallest: {Show(Values.Values.Min())}", bottom + Bottom);
        foreach (var (row, rowValue) in Rows.Index())
        {
            var top = Top + (rowHeight * row);
            picture.Add(Svg.Text("text", $"{rowValue}", ("class", "tick"), ("x", Left - 8), ("y", top + (rowHeight / 2) + 4), ("text-anchor", "end")));
            foreach (var (column, columnValue) in Columns.Index())
            {
                (string, object)[] place = [("x", Left + (width * column)), ("y", top), ("width", Math.Max(1, width - 1)), ("height", rowHeight - 1)];
                if (!Values.TryGetValue((rowValue, columnValue), out var value))
                {
                    picture.Add(Svg.Element("rect", [("class", "empty"), .. place]));
                    continue;
                }

                var opacity = Math.Min(Strongest, Strongest * Math.Abs(value - Neutral) / reach);
                var cell = Svg.Element("rect", [("class", value < Neutral ? "fill c0" : "fill c5"), ("fill-opacity", opacity), .. place]);
                cell.Add(Svg.Text("title", $"{Name((rowValue, columnValue))}: {Show(value)}"));
                picture.Add(cell);
                if (width >= TextWidth)
                {
                    picture.Add(Svg.Text(
                        "text", Show(value), ("x", Left + (width * (column + 0.5))), ("y", top + (rowHeight / 2) + 4), ("text-anchor", "middle"), ("pointer-events", "none")));
                }

                if (Framed == (rowValue, columnValue))
                {
                    picture.Add(Svg.Element("rect", [("class", "framed"), .. place]));
                }
            }
        }

        var every = (int)Math.Ceiling(22 / width);
        foreach (var (column, value) in Columns.Index().Where(column => column.Index % every == 0))
        {
            picture.Add(Svg.Text("text", $"{value}", ("class", "tick"), ("x", Left + (width * (column + 0.5))), ("y", bottom + 16), ("text-anchor", "middle")));
        }

        var middle = (Top + bottom) / 2;
        picture.Add(
            Svg.Text("text", ColumnLabel, ("class", "label"), ("x", (Left + Svg.Width - Right) / 2), ("y", bottom + 38), ("text-anchor", "middle")),
            Svg.Text("text", RowLabel, ("class", "label"), ("x", 14.0), ("y", middle), ("text-anchor", "middle"), ("transform", FormattableString.Invariant($"rotate(-90 14 {middle})"))));
        return Svg.Figure(Title, picture);
    }

    private string Name((int Row, int Column) key) => FormattableString.Invariant($"{RowLabel} {key.Row}, {ColumnLabel} {key.Column}");
}
