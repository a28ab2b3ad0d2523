using System.Text.Json;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Cli.Prompts;

/// <summary>Reads prompts from JSON lines: <c>{"prompt": "..."}</c> each; other fields are ignored, empty lines skipped.</summary>
internal static class PromptFile
{
    /// <summary>Reads a file.</summary>
    /// <param name="option">The option that named the file, for errors.</param>
    /// <param name="path">The file.</param>
    /// <param name="field">The field that holds the prompt.</param>
    /// <exception cref="UsageException">The file cannot be read, a line is not such an object, or there is none.</exception>
    public static IReadOnlyList<string> Read(string option, string path, string field = "prompt")
    {
        List<string> prompts = [.. InputText.ReadLines(option, path).Select(line => ReadLine($"{option} {path}, line {line.Number}", line.Text, field))];
        return prompts.Count > 0 ? prompts : throw new UsageException($"{option} {path}: holds no prompt, expected lines such as {{\"{field}\": \"Hello\"}}");
    }

    private static string ReadLine(string where, string line, string field)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            return json.RootElement.ValueKind == JsonValueKind.Object
                && json.RootElement.TryGetProperty(field, out var prompt)
                && prompt.ValueKind == JsonValueKind.String
                && prompt.GetString() is { Length: > 0 } text
                ? text
                : throw new UsageException($"{where}: expected an object with a non-empty string \"{field}\"");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new UsageException($"{where}: is not valid JSON: {JsonFile.LineReason(e)}");
        }
    }
}
