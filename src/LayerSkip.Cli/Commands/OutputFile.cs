namespace LayerSkip.Cli.Commands;

/// <summary>A file that a command is going to write: wrong ones are found before hours of work rather than after.</summary>
internal static class OutputFile
{
    /// <summary>Checks that a file could be written, without touching it.</summary>
    /// <param name="option">The option that named it.</param>
    /// <param name="path">The file.</param>
    /// <exception cref="UsageException">It is a directory, or in a directory that does not exist or may not be written to.</exception>
    public static void Check(string option, string path)
    {
        if (path.Length == 0 || Directory.Exists(path))
        {
            throw new UsageException($"{option} is {(path.Length == 0 ? "empty" : $"'{path}', a directory")}, expected a file");
        }

        if (Path.GetDirectoryName(Path.GetFullPath(path)) is not { } directory || !Directory.Exists(directory))
        {
            throw new UsageException($"{option} is '{path}', expected a file in a directory that exists");
        }

        CheckDirectory(option, directory);
    }

    /// <summary>Checks that a directory, perhaps with some of those above it, could be created or written to.</summary>
    /// <exception cref="UsageException">The nearest one that exists may not be written to.</exception>
    public static void CheckParent(string option, string directory)
    {
        var nearest = Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory));
        while (!Directory.Exists(nearest) && !File.Exists(nearest) && Path.GetDirectoryName(nearest) is { } parent)
        {
            nearest = parent;
        }

        if (File.Exists(nearest))
        {
            throw new UsageException($"{option} is '{directory}', expected a directory: {nearest} is a file");
        }

        CheckDirectory(option, nearest);
    }

    /// <summary>Checks that files can be created in a directory.</summary>
    /// <exception cref="UsageException">They cannot.</exception>
    public static void CheckDirectory(string option, string directory)
    {
        var probe = Path.Combine(directory, $".{Guid.NewGuid():N}.tmp");
        try
        {
            using var file = new FileStream(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1, FileOptions.DeleteOnClose);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{option} {directory}: cannot be written to: {Reason(e, probe)}");
        }
    }

    // Some file systems let no file be created and say that it is not found; and nobody named the probe.
    private static string Reason(Exception exception, string probe) => exception switch
    {
        FileNotFoundException => "no file can be created there",
        UnauthorizedAccessException => "access is denied",
        _ => exception.Message.Replace(probe, "a new file", StringComparison.Ordinal).TrimEnd('.'),
    };
}
