using System.Text;
using System.Text.Json;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Parsing.Data;
using LayerSkip.Parsing.Forms;
using LayerSkip.Parsing.Frames;

namespace LayerSkip.Cli.Corpora;

/// <summary>Files of training text, read row by row and as often as asked: TOPv2's TSV, JSON lines, plain lines.</summary>
internal sealed class Corpus
{
    private const int MaxLineLength = 1 << 24;
    private const string Expected = "an object with a string \"text\", or with a string \"prompt\" and, if there is one, a string \"response\"";

    private readonly IReadOnlyList<string> _paths;

    /// <param name="paths">The files; their extensions tell what they hold.</param>
    /// <exception cref="UsageException">A file does not exist, or its extension is not known.</exception>
    public Corpus(IReadOnlyList<string> paths)
    {
        _paths = paths;
        foreach (var path in paths)
        {
            if (!File.Exists(path))
            {
                throw new UsageException($"--data {path}: there is no such file");
            }

            if (KindOf(path) is not (".tsv" or ".jsonl" or ".txt"))
            {
                throw new UsageException($"--data {path}: expected a .tsv (TOPv2), .jsonl or .txt file");
            }
        }
    }

    /// <summary>The tokens of the TSV files' parses, each with the space before it: <c> [IN:GET_WEATHER</c> and so on in order, then <c> ]</c>; empty without such files.</summary>
    /// <exception cref="InvalidDataException">A row is malformed.</exception>
    public IReadOnlyList<string> OntologyTokens(CancellationToken cancellationToken)
    {
        var labels = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var row in _paths.Where(path => KindOf(path) == ".tsv").SelectMany(TopV2File.Read))
        {
            cancellationToken.ThrowIfCancellationRequested();
            Collect(row.Parse.Root, labels);
        }

        return labels.Count == 0 ? [] : [.. labels.Select(label => $" [{label}"), " ]"];
    }

    /// <summary>All rows, in order.</summary>
    /// <exception cref="InvalidDataException">While enumerating: a row is malformed; the message names file and line.</exception>
    public IEnumerable<CorpusRow> Rows() => _paths.SelectMany(path => KindOf(path) switch
    {
        ".tsv" => TopV2File.Read(path).Select(row => Exchange(row.Utterance, DecoupledForm.FromFull(row.Parse).ToString())),
        ".jsonl" => Lines(path, (line, where) => ReadJson(line, where)),
        _ => Lines(path, (line, _) => new CorpusRow(line, null)),
    });

    private static string KindOf(string path) => Path.GetExtension(path).ToLowerInvariant();

    private static CorpusRow Exchange(string text, string? response) => new(" " + text.Trim(), response is null ? null : " " + response.Trim());

    private static void Collect(FrameNode node, SortedSet<string> labels)
    {
        if (node.Kind != FrameNodeKind.Word)
        {
            labels.Add(node.Text);
            foreach (var child in node.Children)
            {
                Collect(child, labels);
            }
        }
    }

    private static IEnumerable<CorpusRow> Lines(string path, Func<string, string, CorpusRow> read)
    {
        using var reader = new StreamReader(path, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true));
        var lines = new LineReader(reader, path, MaxLineLength);
        while (lines.Next() is { } line)
        {
            if (!string.IsNullOrWhiteSpace(line))
            {
                yield return read(line, $"{path}, line {lines.Line}");
            }
        }
    }

    private static CorpusRow ReadJson(string line, string where)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            var isObject = json.RootElement.ValueKind == JsonValueKind.Object;
            return (isObject ? Field(json.RootElement, "text") : null, isObject ? Field(json.RootElement, "prompt") : null) switch
            {
                ({ } text, null) => new CorpusRow(text, null),
                (null, { } prompt) => Exchange(prompt, Field(json.RootElement, "response")),
                _ => throw new InvalidDataException($"{where}: expected {Expected}."),
            };

            string? Field(JsonElement row, string name) => !row.TryGetProperty(name, out var value) ? null
                : value.ValueKind == JsonValueKind.String ? value.GetString()
                : throw new InvalidDataException($"{where}: \"{name}\" is no string, expected {Expected}.");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InvalidDataException($"{where}: is not valid JSON: {JsonFile.LineReason(e)}", e);
        }
    }
}
