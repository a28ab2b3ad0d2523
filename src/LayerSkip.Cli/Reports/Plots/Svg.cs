using System.Globalization;
using System.Xml.Linq;

namespace LayerSkip.Cli.Reports.Plots;

/// <summary>Elements of inline SVG and the HTML around them. Text is escaped by the XML writer; control characters are replaced.</summary>
internal static class Svg
{
    public const double Width = 760;
    public const double Height = 320;

    /// <summary>An element with attributes; a number is written with two digits at most.</summary>
    public static XElement Element(string name, params (string Name, object Value)[] attributes) =>
        new(name, attributes.Select(attribute => new XAttribute(attribute.Name, attribute.Value is double number ? Number(number) : VisibleText.Line($"{attribute.Value}"))));

    /// <summary>An element that holds text.</summary>
    public static XElement Text(string name, string text, params (string Name, object Value)[] attributes)
    {
        var element = Element(name, attributes);
        element.Add(new XText(VisibleText.Line(text)));
        return element;
    }

    /// <summary>A picture with a title and a description for those who cannot see it.</summary>
    /// <param name="id">Unique in the page.</param>
    /// <param name="title">What it shows.</param>
    /// <param name="description">What it shows in numbers.</param>
    /// <param name="height">Of the coordinates; the width is <see cref="Width"/>.</param>
    public static XElement Picture(string id, string title, string description, double height = Height)
    {
        var svg = Element("svg", ("viewBox", FormattableString.Invariant($"0 0 {Width} {height}")), ("role", "img"), ("aria-labelledby", $"{id}-title {id}-description"));
        svg.Add(Text("title", title, ("id", $"{id}-title")), Text("desc", description, ("id", $"{id}-description")));
        return svg;
    }

    /// <summary>A chart with its heading and what stands below it.</summary>
    public static XElement Figure(string title, params object?[] content) => new("figure", Text("h2", title), content);

    public static string Number(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
}
