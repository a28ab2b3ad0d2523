using System.Text.Json;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Cli.Prompts;

/// <summary>Reads prompts from JSON lines: <c>{"prompt": "..."}</c> each; other fields are ignored, empty lines skipped.</summary>
internal static class PromptFile
{
    /// <summary>Reads a file.</summary>
    /// <param name="option">The option that named the file, for errors.</param>
    /// <param name="path">The file.</param>
    /// <exception cref="UsageException">The file cannot be read, a line is not such an object, or there is none.</exception>
    public static IReadOnlyList<string> Read(string option, string path)
    {
        var prompts = new List<string>();
        foreach (var (index, line) in InputText.ReadFile(option, path).ReplaceLineEndings("\n").Split('\n').Index())
        {
            if (!string.IsNullOrWhiteSpace(line))
            {
                prompts.Add(ReadLine($"{option} {path}, line {index + 1}", line));
            }
        }

        return prompts.Count > 0 ? prompts : throw new UsageException($"{option} {path}: holds no prompt, expected lines such as {{\"prompt\": \"Hello\"}}");
    }

    private static string ReadLine(string where, string line)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            return json.RootElement.ValueKind == JsonValueKind.Object
                && json.RootElement.TryGetProperty("prompt", out var prompt)
                && prompt.ValueKind == JsonValueKind.String
                && prompt.GetString() is { Length: > 0 } text
                ? text
                : throw new UsageException($"{where}: expected an object with a non-empty string \"prompt\"");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new UsageException($"{where}: is not valid JSON: {JsonFile.LineReason(e)}");
        }
    }
}
