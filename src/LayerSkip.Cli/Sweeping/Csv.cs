using System.Text;

namespace LayerSkip.Cli.Sweeping;

/// <summary>Comma-separated values as RFC 4180 has them: fields with commas, quotes or line ends stand in quotes.</summary>
internal static class Csv
{
    /// <summary>One line, without its end.</summary>
    public static string Line(IEnumerable<string> fields) =>
        string.Join(',', fields.Select(field => field.AsSpan().IndexOfAny(",\"\r\n") < 0 ? field : $"\"{field.Replace("\"", "\"\"", StringComparison.Ordinal)}\""));

    /// <summary>The records of a text, each with the number of the line that it begins in. An unfinished quote goes on to the end.</summary>
    public static IEnumerable<(int Line, string[] Fields)> Records(string text)
    {
        var fields = new List<string>();
        var field = new StringBuilder();
        var (line, first, quoted) = (1, 1, false);
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c == '"')
            {
                // A doubled quote ends the quotes and begins them again, and stands for itself.
                if (!quoted && i > 0 && text[i - 1] == '"')
                {
                    field.Append('"');
                }

                quoted = !quoted;
            }
            else if (quoted || c is not (',' or '\n' or '\r'))
            {
                field.Append(c);
            }
            else if (c != '\r')
            {
                fields.Add(field.ToString());
                field.Clear();
                if (c == '\n')
                {
                    yield return (first, [.. fields]);
                    fields.Clear();
                    first = line + 1;
                }
            }

            line += c == '\n' ? 1 : 0;
        }

        if (fields.Count > 0 || field.Length > 0)
        {
            yield return (first, [.. fields, field.ToString()]);
        }
    }
}
