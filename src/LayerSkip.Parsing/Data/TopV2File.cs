using System.Text;
using LayerSkip.Parsing.Frames;

namespace LayerSkip.Parsing.Data;

/// <summary>
/// Reads TOPv2's files: UTF-8, one row a line, three columns separated by tabs (domain, utterance, semantic_parse), the first line their names
/// (the low-resource splits call the third <c>seqlogical</c>). Double quotes are ordinary characters.
/// </summary>
public static class TopV2File
{
    /// <summary>The longest line that is read, in UTF-16 characters: 1,048,576 (TOPv2's longest has under 500).</summary>
    public const int MaxLineLength = 1 << 20;

    private const string Header = "domain\tutterance\tsemantic_parse";
    private const string LowResourceHeader = "domain\tutterance\tseqlogical";

    private static readonly string[] s_columns = Header.Split('\t');

    /// <summary>Reads a file's rows one by one, each only when asked for; the file is open meanwhile.</summary>
    /// <exception cref="InvalidDataException">
    /// Raised while enumerating, with file and line: another header, another number of columns, an empty column, a parse that is malformed or breaks
    /// a rule of <see cref="FrameTree.Validate"/>, a line longer than <see cref="MaxLineLength"/>, or bytes that are not UTF-8.
    /// </exception>
    /// <exception cref="IOException">Raised while enumerating: the file cannot be read.</exception>
    public static IEnumerable<TopV2Row> Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Open(path);

        static IEnumerable<TopV2Row> Open(string path)
        {
            using var reader = new StreamReader(path, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true));
            foreach (var row in Read(reader, path))
            {
                yield return row;
            }
        }
    }

    /// <summary>Reads the rows of an open text one by one; does not close it. Errors as in <see cref="Read(string)"/>.</summary>
    /// <param name="reader">The text, at the header.</param>
    /// <param name="name">What to call the text in errors.</param>
    public static IEnumerable<TopV2Row> Read(TextReader reader, string name)
    {
        ArgumentNullException.ThrowIfNull(reader);
        ArgumentException.ThrowIfNullOrEmpty(name);
        return Rows(reader, name);

        static IEnumerable<TopV2Row> Rows(TextReader reader, string name)
        {
            var lines = new LineReader(reader, name, MaxLineLength);
            var header = lines.Next();
            if (header is not (Header or LowResourceHeader))
            {
                var found = header is null ? "an empty file" : $"\"{Shown(header)}\"";
                throw new InvalidDataException($"{name}, line 1: expected the header \"domain<tab>utterance<tab>semantic_parse\", found {found}.");
            }

            while (lines.Next() is { } line)
            {
                yield return ParseRow(line, name, lines.Line);
            }
        }
    }

    // Terminals show no tab that a reader could tell from spaces.
    private static string Shown(string line) => FrameParser.Excerpt(line.Replace("\t", "<tab>", StringComparison.Ordinal));

    private static TopV2Row ParseRow(string line, string name, int number)
    {
        var columns = line.Split('\t', s_columns.Length + 1);
        if (columns.Length != s_columns.Length)
        {
            var found = line.Length == 0 ? "an empty line"
                : $"{(columns.Length > s_columns.Length ? "more columns" : columns.Length == 1 ? "one column" : "two columns")}: \"{Shown(line)}\"";
            throw new InvalidDataException($"{name}, line {number}: expected domain, utterance and semantic_parse separated by tabs, found {found}.");
        }

        if (Array.FindIndex(columns, string.IsNullOrWhiteSpace) is >= 0 and var empty)
        {
            throw new InvalidDataException($"{name}, line {number}: the {s_columns[empty]} is empty, expected a text: \"{Shown(line)}\".");
        }

        FrameTree parse;
        try
        {
            parse = FrameTree.Parse(columns[2]);
        }
        catch (FrameFormatException e)
        {
            throw new InvalidDataException($"{name}, line {number}: {e.Message}", e);
        }

        return parse.Validate() is { } violation
            ? throw new InvalidDataException($"{name}, line {number}: {violation}.")
            : new TopV2Row(columns[0], columns[1], parse, number);
    }
}
