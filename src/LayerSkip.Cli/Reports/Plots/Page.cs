using System.Text;
using System.Xml.Linq;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Cli.Reports.Plots;

/// <summary>A report as one HTML page: pictures inline, nothing to load, nothing to run.</summary>
internal static class Page
{
    // No '<', '>' or '&': a style sheet is not unescaped.
    private const string Style = """
        :root { color-scheme: light dark; --back: #ffffff; --text: #1c1f23; --dim: #5c6470; --line: #d9dde3; }
        @media (prefers-color-scheme: dark) { :root { --back: #14161a; --text: #e6e8eb; --dim: #9aa3af; --line: #333941; } }
        body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; background: var(--back); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
        h1 { font-size: 1.6rem; margin-bottom: 0.2rem; } h2 { font-size: 1.1rem; margin: 0 0 0.4rem; }
        figure { margin: 2rem 0; } svg { display: block; width: 100%; height: auto; } .note { color: var(--dim); font-size: 0.9rem; margin: 0.3rem 0; }
        table { border-collapse: collapse; font-size: 0.95rem; } th, td { text-align: left; padding: 0.2rem 1.2rem 0.2rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
        th { font-weight: 500; color: var(--dim); } td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
        svg text { font-size: 12px; fill: var(--text); } svg text.tick, svg text.label { fill: var(--dim); }
        .grid { stroke: var(--line); } .axis { stroke: var(--dim); } .framed { fill: none; stroke: var(--text); stroke-width: 2; } .empty { fill: none; stroke: var(--line); }
        g path { fill: none; stroke: currentColor; stroke-width: 1.6; stroke-linejoin: round; } g.strong path { stroke-width: 2.8; } g circle { fill: currentColor; }
        .fill { fill: currentColor; } svg text.name { fill: currentColor; font-weight: 600; }
        .c0 { color: #d1495b; } .c1 { color: #d9702a; } .c2 { color: #a98200; } .c3 { color: #5b9440; } .c4 { color: #239184; } .c5 { color: #2f83c9; } .c6 { color: #6f6fdc; } .c7 { color: #a655c7; }
        """;

    /// <summary>The page's text.</summary>
    /// <param name="title">Title and heading.</param>
    /// <param name="content">What stands below the heading; null is left out.</param>
    public static string Create(string title, params object?[] content)
    {
        var page = new XElement(
            "html",
            new XAttribute("lang", "en"),
            new XElement(
                "head",
                Svg.Element("meta", ("charset", "utf-8")),
                Svg.Element("meta", ("name", "viewport"), ("content", "width=device-width, initial-scale=1")),
                Svg.Text("title", title),
                new XElement("style", Style)),
            new XElement("body", Svg.Text("h1", title), content));
        return "<!DOCTYPE html>\n" + page.ToString(SaveOptions.DisableFormatting) + "\n";
    }

    /// <summary>Writes a page, in place of an earlier one.</summary>
    /// <exception cref="IOException">The file cannot be written; an earlier one stays.</exception>
    public static void Write(string path, string html) => AtomicFile.WriteTo(path, stream => stream.Write(Encoding.UTF8.GetBytes(html)));

    /// <summary>Facts, one a line.</summary>
    public static XElement Facts(IEnumerable<(string Name, string Value)> facts) => new(
        "table",
        facts.Select(fact => new XElement("tr", Svg.Text("th", fact.Name, ("scope", "row")), Svg.Text("td", fact.Value))));

    /// <summary>Numbers below headings.</summary>
    /// <param name="headings">One for each column.</param>
    /// <param name="rows">As many values in each.</param>
    public static XElement Numbers(IReadOnlyList<string> headings, IEnumerable<IReadOnlyList<string>> rows) => new(
        "table",
        new XElement("tr", headings.Select(heading => Svg.Text("th", heading, ("scope", "col"), ("class", "number")))),
        rows.Select(row => new XElement("tr", row.Select(value => Svg.Text("td", value, ("class", "number"))))));
}
