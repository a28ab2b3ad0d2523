using System.Text;
using System.Text.Json;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Requests;
using LayerSkip.Cli.Evaluation;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Parsing.Data;
using LayerSkip.Parsing.Forms;

namespace LayerSkip.Cli.Training;

/// <summary>
/// Reads rows to train on, one a line: TOPv2's <c>.tsv</c>, or <c>.jsonl</c> with <c>{"prompt", "response"}</c> or
/// <c>{"messages": [{"role", "content"}, ...]}</c>, with the calls of tools where there are some. Other fields are ignored, empty lines skipped.
/// </summary>
internal static class RowFile
{
    private const string Expected = "expected an object with the strings \"prompt\" and \"response\", or with \"messages\"";

    /// <summary>Whether the name's ending says that the file holds TOPv2's rows.</summary>
    public static bool IsTopV2(string path) => path.EndsWith(".tsv", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether the name's ending is one that is read.</summary>
    public static bool HasKnownFormat(string path) => IsTopV2(path) || path.EndsWith(".jsonl", StringComparison.OrdinalIgnoreCase);

    /// <summary>Reads an entry's rows one by one, or makes its copies of them.</summary>
    /// <param name="source">The entry.</param>
    /// <param name="form">How parses of TOPv2 are written.</param>
    /// <param name="seed">Chooses what copies hold.</param>
    /// <exception cref="UsageException">A file cannot be read, or a row is wrong; the message names file, line and field.</exception>
    public static IEnumerable<TrainingRow> Read(DataSource source, TargetForm form, ulong seed) => source.Swapping is { } swapping
        ? Swapped(source, swapping, form, seed)
        : source.Files.SelectMany(file => Read(file, form, source.Task));

    /// <summary>Reads a file's rows one by one.</summary>
    /// <param name="path">The file.</param>
    /// <param name="form">How parses of TOPv2 are written.</param>
    /// <param name="task">What TOPv2's rows teach.</param>
    /// <exception cref="UsageException">The file cannot be read, or a row is wrong; the message names file, line and field.</exception>
    public static IEnumerable<TrainingRow> Read(string path, TargetForm form, RowTask task = RowTask.Parse) =>
        Guarded(path, IsTopV2(path) ? TopV2File.Read(path).Select(row => Row(path, row, form, task)) : ReadJsonLines(path));

    private static IEnumerable<T> Guarded<T>(string path, IEnumerable<T> source)
    {
        using var rows = source.GetEnumerator();
        while (MoveNext())
        {
            yield return rows.Current;
        }

        bool MoveNext()
        {
            try
            {
                return rows.MoveNext();
            }
            catch (InvalidDataException e)
            {
                throw new UsageException(e.Message.TrimEnd('.'));
            }
            catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
            {
                throw new UsageException($"{path}: cannot be read: there is no such file; --data DIR says where the recipe's data lies");
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new UsageException($"{path}: cannot be read: {e.Message}");
            }
        }
    }

    private static IEnumerable<TrainingRow> Swapped(DataSource source, SlotSwapping swapping, TargetForm form, ulong seed)
    {
        (string File, TopV2Row Row)[] rows = [.. source.Files.SelectMany(file => Guarded(file, TopV2File.Read(file)).Select(row => (file, row)))];
        var swapper = new SlotSwapper(rows.Select(row => row.Row));
        var random = new Random((int)(seed ^ (seed >> 32)));
        return Enumerable.Range(0, swapping.Copies)
            .SelectMany(_ => rows)
            .Select(row => (row.File, Row: swapper.Swap(row.Row, swapping.Share, random)))
            .Where(row => row.Row is not null)
            .Select(row => Row(row.File, row.Row!, form, source.Task));
    }

    private static TrainingRow Row(string path, TopV2Row row, TargetForm form, RowTask task) => task == RowTask.Utterance
        ? Row($"{path}, line {row.Line}", row.Domain, row.Utterance)
        : Row($"{path}, line {row.Line}", row.Utterance, ParseText(row, form));

    private static string ParseText(TopV2Row row, TargetForm form) => (form switch
    {
        TargetForm.Full => row.Parse,
        TargetForm.Index => IndexForm.FromFull(row.Parse, UtteranceWords.Split(row.Utterance)),
        _ => DecoupledForm.FromFull(row.Parse),
    }).ToString();

    private static IEnumerable<TrainingRow> ReadJsonLines(string path)
    {
        using var reader = new StreamReader(path, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true));
        var lines = new LineReader(reader, path, TopV2File.MaxLineLength);
        while (lines.Next() is { } line)
        {
            if (!string.IsNullOrWhiteSpace(line))
            {
                yield return ParseLine($"{path}, line {lines.Line}", line);
            }
        }
    }

    private static TrainingRow ParseLine(string source, string line)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            var root = json.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
            {
                throw new UsageException($"{source}: is {Describe(root)}, {Expected}");
            }

            return HasMessages(source, root, out var messages)
                ? new TrainingRow(source, RowConversation.Messages(source, messages), RowConversation.Tools(source, root))
                : Row(source, Text(source, "", root, "prompt"), Text(source, "", root, "response"));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new UsageException($"{source}: is not valid JSON: {JsonFile.LineReason(e)}");
        }
    }

    /// <summary>Whether a row is a conversation.</summary>
    /// <param name="source">File and line, for errors.</param>
    /// <param name="row">The row's object.</param>
    /// <param name="messages">Its field <c>messages</c>, where it is.</param>
    /// <exception cref="UsageException">It is both: it has a prompt or a response, too.</exception>
    public static bool HasMessages(string source, JsonElement row, out JsonElement messages)
    {
        var has = row.TryGetProperty("messages", out messages);
        return !has || !(row.TryGetProperty("prompt", out _) || row.TryGetProperty("response", out _))
            ? has
            : throw new UsageException($"{source}: messages stands beside prompt or response, {Expected}");
    }

    /// <summary>A field's text.</summary>
    /// <param name="source">File and line, for errors.</param>
    /// <param name="prefix">What stands before the field's name in errors.</param>
    /// <param name="json">The object that should have it.</param>
    /// <param name="name">The field's name.</param>
    /// <exception cref="UsageException">It is missing, no text, or white space.</exception>
    public static string Text(string source, string prefix, JsonElement json, string name) =>
        !json.TryGetProperty(name, out var value) ? throw new UsageException($"{source}: {prefix}{name} is missing, expected a non-empty string")
            : value.ValueKind == JsonValueKind.String && !string.IsNullOrWhiteSpace(value.GetString()) ? value.GetString()!
            : throw new UsageException($"{source}: {prefix}{name} is {Describe(value)}, expected a non-empty string");

    /// <summary>A value as errors show it.</summary>
    public static string Describe(JsonElement value) => value.ValueKind == JsonValueKind.Object ? "an object" : ErrorText.Shorten(value.GetRawText());

    private static TrainingRow Row(string source, string prompt, string response) => new(
        source,
        [
            new TemplateMessage { Role = TemplateRoles.User, Content = prompt },
            new TemplateMessage { Role = TemplateRoles.Assistant, Content = response },
        ]);
}
