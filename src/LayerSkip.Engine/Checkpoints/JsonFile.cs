using System.Text.Json;
using System.Text.Unicode;

namespace LayerSkip.Engine.Checkpoints;

/// <summary>Reads a checkpoint's JSON files: bounded in size and depth, and with errors that say where.</summary>
internal static class JsonFile
{
    // The largest genuine ones, the indices of checkpoints of several hundred shards, stay under a tenth of it.
    private const int MaxBytes = 16 * 1024 * 1024;

    // Python's reader would silently take the last of two fields of one name; which of them was meant, nobody knows.
    private static readonly JsonDocumentOptions Options = new() { AllowDuplicateProperties = false };

    /// <summary>The file's bytes.</summary>
    /// <param name="path">The file.</param>
    /// <param name="maxBytes">How many there may be.</param>
    /// <exception cref="CheckpointException">The file does not exist, cannot be read or is larger.</exception>
    public static byte[] ReadBytes(string path, int maxBytes = MaxBytes)
    {
        try
        {
            using var stream = File.OpenRead(path);
            if (stream.Length > maxBytes)
            {
                throw new CheckpointException(
                    $"{Path.GetFileName(path)}: is {stream.Length} bytes long, expected at most {maxBytes}");
            }

            var bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new CheckpointException($"{Path.GetFileName(path)}: cannot be read: {error.Message}", error);
        }
    }

    /// <summary>Parses one JSON value.</summary>
    /// <param name="file">The file's name, for errors.</param>
    /// <param name="utf8">The file's bytes.</param>
    /// <exception cref="CheckpointException">The bytes are not JSON, nest deeper than 64 levels or hold a field twice.</exception>
    public static JsonElement Parse(string file, ReadOnlySpan<byte> utf8)
    {
        if (!Utf8.IsValid(utf8))
        {
            throw new CheckpointException($"{file}: is not valid UTF-8, expected JSON text");
        }

        try
        {
            return JsonElement.Parse(utf8, Options);
        }
        catch (JsonException error)
        {
            throw Invalid(file, error);
        }
        catch (InvalidOperationException error)
        {
            throw InvalidEscape(file, error);
        }
    }

    /// <summary>The error for text that is not JSON: file, line and byte counted from 1, and the parser's reason.</summary>
    public static CheckpointException Invalid(string file, JsonException error)
    {
        // The parser's message repeats the position, counted from 0, after its reason.
        var reason = error.Message.AsSpan();
        var position = reason.IndexOf(" LineNumber:", StringComparison.Ordinal);
        var where = error.LineNumber is { } line && error.BytePositionInLine is { } column
            ? $"line {line + 1}, byte {column + 1}: "
            : "";
        return new CheckpointException(
            $"{file}: {where}not valid JSON: {ErrorText.Shorten(position < 0 ? reason : reason[..position])}", error);
    }

    /// <summary>What is wrong with a line that should be JSON: the parser's reason with the byte, counted from 1, but without a line number of its own.</summary>
    /// <param name="error">What the parser threw: a <see cref="JsonException"/>, or what it throws for half a surrogate pair.</param>
    public static string LineReason(Exception error)
    {
        var position = error.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return error is JsonException { BytePositionInLine: { } column } && position >= 0
            ? FormattableString.Invariant($"byte {column + 1}: {error.Message[..position].TrimEnd(' ', '|')}")
            : error.Message;
    }

    /// <summary>The error for a string that is not Unicode text: an escape such as <c>\ud800</c> for half a surrogate pair.</summary>
    public static CheckpointException InvalidEscape(string file, InvalidOperationException error) =>
        new($"{file}: holds a string that is not valid Unicode text", error);
}
