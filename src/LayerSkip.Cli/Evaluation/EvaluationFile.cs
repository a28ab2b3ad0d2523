using System.Text.Json;
using LayerSkip.Cli.Training;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Parsing.Data;
using LayerSkip.Parsing.Forms;

namespace LayerSkip.Cli.Evaluation;

/// <summary>
/// Reads rows to evaluate on: TOPv2's <c>.tsv</c>, or <c>.jsonl</c> with <c>{"prompt", "response"[, "domain"]}</c> a line or <c>{"messages"[, "domain"]}</c>, of
/// which the last is the response; where no responses are needed, <c>.txt</c> with a prompt a line, too.
/// </summary>
internal static class EvaluationFile
{
    /// <summary>Reads a file's rows.</summary>
    /// <param name="option">The option that named the file, for errors.</param>
    /// <param name="path">The file. Rows without a domain get the file's name, without its ending, for one.</param>
    /// <param name="needsResponse">Whether a row without a response is wrong; else its response is empty.</param>
    /// <exception cref="UsageException">The file cannot be read, holds no row, or a row is wrong; the message names file, line and field.</exception>
    public static IReadOnlyList<EvaluationRow> Read(string option, string path, bool needsResponse = true)
    {
        var rows = Path.GetExtension(path).ToLowerInvariant() switch
        {
            _ when Directory.Exists(path) => throw UnknownEnding(option, path, needsResponse),
            ".tsv" => ReadTopV2(option, path),
            ".jsonl" => ReadJsonLines(option, path, needsResponse),
            ".txt" when !needsResponse => ReadText(option, path),
            _ => throw UnknownEnding(option, path, needsResponse),
        };
        return rows.Count > 0 ? rows : throw new UsageException($"{option} {path}: holds no row");
    }

    /// <summary>Says which files can be read.</summary>
    /// <param name="option">The option that named the file.</param>
    /// <param name="path">The file, which ends in something else, or a directory.</param>
    /// <param name="needsResponse">Whether rows must have responses, which lines of text have not.</param>
    public static UsageException UnknownEnding(string option, string path, bool needsResponse)
    {
        var what = Directory.Exists(path) ? "is a directory, expected a file that ends in"
            : Path.GetExtension(path) is { Length: > 0 } ending ? $"ends in '{ending}', expected"
            : "has no ending, expected";
        return new($"{option} {path}: {what} {(needsResponse ? ".tsv (TOPv2) or .jsonl" : ".tsv (TOPv2), .jsonl or .txt")}");
    }

    private static List<EvaluationRow> ReadTopV2(string option, string path)
    {
        try
        {
            return
            [
                .. TopV2File.Read(path).Select(row =>
                {
                    var frame = DecoupledForm.FromFull(row.Parse);
                    return new EvaluationRow($"{path}, line {row.Line}", row.Domain, row.Utterance, frame.ToString(), frame);
                }),
            ];
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new UsageException($"{option} {path}: does not exist, expected a file");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new UsageException($"{option} {path}: cannot be read: {e.Message}");
        }
        catch (InvalidDataException e)
        {
            throw new UsageException($"{option} {e.Message.TrimEnd('.')}");
        }
    }

    private static List<EvaluationRow> ReadJsonLines(string option, string path, bool needsResponse)
    {
        var domain = Path.GetFileNameWithoutExtension(path);
        return [.. Lines(option, path).Select(line => ReadLine(line.Source, line.Text, domain, option, needsResponse))];
    }

    private static List<EvaluationRow> ReadText(string option, string path)
    {
        var domain = Path.GetFileNameWithoutExtension(path);
        return [.. Lines(option, path).Select(line => new EvaluationRow(line.Source, domain, line.Text, ""))];
    }

    private static IEnumerable<(string Source, string Text)> Lines(string option, string path) =>
        InputText.ReadLines(option, path).Select(line => ($"{path}, line {line.Number}", line.Text));

    private static EvaluationRow ReadLine(string source, string line, string domain, string option, bool needsResponse)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            var root = json.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
            {
                throw new UsageException($"{option} {source}: expected an object with {(needsResponse ? "the strings \"prompt\" and \"response\"" : "the string \"prompt\"")}, or with \"messages\"");
            }

            domain = root.TryGetProperty("domain", out _) ? Field(root, "domain") : domain;
            if (RowFile.HasMessages($"{option} {source}", root, out var messages))
            {
                var conversation = RowConversation.Messages($"{option} {source}", messages);
                if (needsResponse && conversation[^1].ToolCalls.Count > 0)
                {
                    throw new UsageException($"{option} {source}: messages[{conversation.Length - 1}] has tool_calls, expected an answer that is text: nothing else is compared");
                }

                return new EvaluationRow(
                    source, domain, string.Join('\n', conversation[..^1].Select(message => message.Content)), conversation[^1].Content?.Trim() ?? "",
                    Conversation: conversation[..^1], Tools: RowConversation.Tools($"{option} {source}", root));
            }

            return new EvaluationRow(
                source, domain, Field(root, "prompt"), needsResponse || root.TryGetProperty("response", out _) ? Field(root, "response").Trim() : "");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new UsageException($"{option} {source}: is not valid JSON: {JsonFile.LineReason(e)}");
        }

        string Field(JsonElement row, string name) =>
            row.TryGetProperty(name, out var field) && field.ValueKind == JsonValueKind.String && field.GetString() is { } text && !string.IsNullOrWhiteSpace(text)
                ? text
                : throw new UsageException($"{option} {source}: {name} is {(field.ValueKind == JsonValueKind.Undefined ? "missing" : "no text")}, expected a non-empty string");
    }
}
