using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using LayerSkip.Cli.Reports;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Parsing.Data;

namespace LayerSkip.Cli.Training.Metrics;

/// <summary>A metrics file, read back.</summary>
/// <param name="Starts">One for each time that the run was started.</param>
/// <param name="Steps">In order.</param>
/// <param name="Evaluations">In order.</param>
internal sealed record RunHistory(IReadOnlyList<RunLine> Starts, IReadOnlyList<StepLine> Steps, IReadOnlyList<EvaluationLine> Evaluations)
{
    private const int MaxLineLength = 1 << 20;

    /// <summary>Reads a metrics file.</summary>
    /// <exception cref="UsageException">It cannot be read, or a line is wrong; the message names it.</exception>
    public static RunHistory Read(string path)
    {
        var (starts, steps, evaluations) = (new List<RunLine>(), new List<StepLine>(), new List<EvaluationLine>());
        try
        {
            // A run may be writing to it.
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var reader = new StreamReader(file, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true));
            var lines = new LineReader(reader, path, MaxLineLength);
            while (lines.Next() is { } line)
            {
                var where = $"{path}, line {lines.Line}";
                switch (TypeOf(line, where))
                {
                    case "run":
                        starts.Add(Parse(line, where, ReportJson.Instance.RunLine));
                        break;
                    case "step":
                        steps.Add(Parse(line, where, ReportJson.Instance.StepLine));
                        break;
                    case "evaluation":
                        evaluations.Add(Parse(line, where, ReportJson.Instance.EvaluationLine));
                        break;
                    default:
                        throw new UsageException($"{where}: type is none of run, step and evaluation");
                }
            }
        }
        catch (InvalidDataException e)
        {
            throw new UsageException(e.Message.TrimEnd('.'));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new UsageException($"{path}: does not exist, expected the metrics of a training run");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{path}: cannot be read: {e.Message}");
        }

        return new RunHistory(starts, steps, evaluations);
    }

    private static string? TypeOf(string line, string where)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            return json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String
                ? type.GetString()
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new UsageException($"{where}: is not valid JSON: {JsonFile.LineReason(e)}");
        }
    }

    private static T Parse<T>(string line, string where, JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(line, type)!;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new UsageException($"{where}: {e.Message}");
        }
    }
}
