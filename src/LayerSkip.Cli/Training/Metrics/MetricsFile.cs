using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Cli.Training.Metrics;

/// <summary>
/// A run's metrics, a JSON object a line. A line that cannot be written, as on a full disk, is kept and tried again with the next: metrics are no
/// reason to end a run.
/// </summary>
internal sealed class MetricsFile : IDisposable
{
    private readonly Stream _file;
    private readonly MemoryStream _pending = new();
    private long _end;

    /// <param name="file">Written from its end on; disposed of with this.</param>
    internal MetricsFile(Stream file) => (_file, _end) = (file, file.Length);

    /// <summary>Opens the file of a run that goes on at some step. Lines of later steps and damaged ones are cut, so that it is of one trajectory.</summary>
    /// <param name="path">The file; created where it does not exist.</param>
    /// <param name="step">Steps made; null for a run that begins anew, which keeps nothing.</param>
    /// <exception cref="IOException">The file cannot be read or written.</exception>
    public static MetricsFile Open(string path, long? step)
    {
        if (File.Exists(path))
        {
            var kept = step is { } last ? File.ReadLines(path).Where(line => StepOf(line) <= last).ToArray() : [];
            AtomicFile.Write(path, stream =>
            {
                foreach (var line in kept)
                {
                    stream.Write(Encoding.UTF8.GetBytes(line + "\n"));
                }
            });
        }

        return new MetricsFile(new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read, bufferSize: 0));
    }

    /// <summary>Adds a line.</summary>
    /// <returns>Why it could not be written yet; null where it was.</returns>
    public string? Append<T>(T line, JsonTypeInfo<T> type)
    {
        _pending.Write(JsonSerializer.SerializeToUtf8Bytes(line, type));
        _pending.WriteByte((byte)'\n');
        try
        {
            // What an earlier attempt wrote in part is written again.
            _file.SetLength(_end);
            _file.Seek(_end, SeekOrigin.Begin);
            _file.Write(_pending.GetBuffer().AsSpan(0, (int)_pending.Length));
            _end += _pending.Length;
            _pending.SetLength(0);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
    }

    public void Dispose()
    {
        _file.Dispose();
        _pending.Dispose();
    }

    /// <summary>The step of a line; beyond all steps where it has none.</summary>
    private static long StepOf(string line)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            return json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("step", out var step) && step.TryGetInt64(out var number)
                ? number
                : long.MaxValue;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return long.MaxValue;
        }
    }
}
