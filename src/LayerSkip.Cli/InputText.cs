using System.Text;

namespace LayerSkip.Cli;

/// <summary>Reads text that a user names: a file or the standard input, bounded in size.</summary>
internal static class InputText
{
    /// <summary>Longest input, in bytes.</summary>
    public const int MaxLength = 64 << 20;

    private static readonly UTF8Encoding s_strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>A file's text.</summary>
    /// <param name="option">The option that named the file, for errors.</param>
    /// <param name="path">The file.</param>
    /// <exception cref="UsageException">The file cannot be read, is too long or is not UTF-8.</exception>
    public static string ReadFile(string option, string path)
    {
        if (Directory.Exists(path))
        {
            throw new UsageException($"{option} {path}: is a directory, expected a file");
        }

        if (!Path.Exists(path))
        {
            throw new UsageException($"{option} {path}: does not exist, expected a file");
        }

        try
        {
            using var file = File.OpenRead(path);
            return Read(file, $"{option} {path}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw new UsageException($"{option} {path}: cannot be read: {e.Message}");
        }
    }

    /// <summary>The lines of a file that are not blank, with their numbers, from 1; they end in <c>\n</c> or <c>\r\n</c>.</summary>
    /// <inheritdoc cref="ReadFile"/>
    public static IEnumerable<(int Number, string Text)> ReadLines(string option, string path) =>
        // Not at all that Unicode takes for an end of a line: JSON may hold some within a string.
        ReadFile(option, path).Split('\n').Index()
            .Where(line => !string.IsNullOrWhiteSpace(line.Item))
            .Select(line => (line.Index + 1, line.Item.TrimEnd('\r')));

    /// <summary>What a stream holds up to its end.</summary>
    /// <param name="input">The stream.</param>
    /// <param name="name">What errors call it.</param>
    /// <exception cref="UsageException">It is too long or not UTF-8.</exception>
    public static string Read(Stream input, string name)
    {
        var bytes = ReadBytes(input, name);
        try
        {
            return s_strictUtf8.GetString(bytes).TrimStart('\uFEFF');
        }
        catch (DecoderFallbackException)
        {
            throw new UsageException($"{name}: is not valid UTF-8, expected UTF-8 text");
        }
    }

    // To the limit rather than by the length: a device has none, and no end.
    private static byte[] ReadBytes(Stream file, string name)
    {
        using var bytes = new MemoryStream();
        var buffer = new byte[81920];
        for (int read; (read = file.Read(buffer)) > 0;)
        {
            bytes.Write(buffer, 0, read);
            if (bytes.Length > MaxLength)
            {
                throw new UsageException($"{name}: is longer than {MaxLength} bytes");
            }
        }

        return bytes.ToArray();
    }
}
