using System.CommandLine;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Cli.Commands;

/// <summary>A file that a command is going to write: wrong ones are found before hours of work rather than after.</summary>
internal static class OutputFile
{
    /// <summary>Checks that a file could be written, without touching it. A symbolic link is followed; devices and pipes are taken as they are.</summary>
    /// <param name="option">The option that named it.</param>
    /// <param name="path">The file.</param>
    /// <exception cref="UsageException">It is a directory, in a directory that does not exist or may not be written to, or a link that leads in a circle.</exception>
    public static void Check(string option, string path)
    {
        if (Directory.Exists(path))
        {
            throw new UsageException($"{option} is '{path}', a directory, expected a file");
        }

        if (FileTarget.IsSpecial(path))
        {
            return;
        }

        if (Path.GetDirectoryName(Follow(option, path)) is not { } directory || !Directory.Exists(directory))
        {
            var link = new FileInfo(path).LinkTarget is { } to ? $", a link to '{to}'" : "";
            throw new UsageException($"{option} is '{path}'{link}, expected a file in a directory that exists");
        }

        CheckDirectory(option, directory);
    }

    /// <summary>Checks that a file could be written, and that it is none of those that the command reads, a checkpoint's among them: it would be lost before anybody noticed.</summary>
    /// <param name="option">The option that named it.</param>
    /// <param name="path">The file.</param>
    /// <param name="arguments">What was given.</param>
    /// <param name="inputs">The options that name what is read.</param>
    /// <exception cref="UsageException">It cannot be written, or is read.</exception>
    public static void Check(string option, string path, ParseResult arguments, params IEnumerable<Option> inputs)
    {
        Check(option, path);
        foreach (var input in inputs)
        {
            RefuseInput(option, path, input.Name, arguments.GetResult(input)?.Tokens.SelectMany(token => FilesOf(token.Value)) ?? []);
        }
    }

    /// <summary>The files that are read of a path: itself, or those of a checkpoint's directory, but for GGUF files, which are checkpoints of their own.</summary>
    public static IEnumerable<string> FilesOf(string path) => Directory.Exists(path)
        ? Directory.EnumerateFiles(path, "*", new EnumerationOptions { AttributesToSkip = 0, RecurseSubdirectories = true, MaxRecursionDepth = 1 })
            .Where(static file => !file.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase))
        : [path];

    /// <summary>Refuses a file that the command reads.</summary>
    /// <param name="option">The option that named it.</param>
    /// <param name="path">The file.</param>
    /// <param name="input">The option that named what is read.</param>
    /// <param name="files">What is read.</param>
    /// <exception cref="UsageException">It is one of them, perhaps by another name.</exception>
    public static void RefuseInput(string option, string path, string input, IEnumerable<string> files)
    {
        if (files.Any(file => IsSame(option, path, file)))
        {
            throw new UsageException($"{option} is '{path}', which {input} reads, expected another file");
        }
    }

    /// <summary>Whether what is written to a path can be read again: it is no device or pipe.</summary>
    public static bool IsKept(string path) => !FileTarget.IsSpecial(path);

    /// <summary>Whether two paths lead to one file, which need not exist.</summary>
    /// <exception cref="UsageException">One is a link that leads in a circle.</exception>
    public static bool IsSame(string option, string path, string other)
    {
        var comparison = OperatingSystem.IsLinux() ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase;
        return Follow(option, path).Equals(Follow(option, other), comparison);
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

    private static string Follow(string option, string path)
    {
        try
        {
            return FileTarget.Follow(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{option} is '{path}', expected a file: {e.Message.TrimEnd('.')}");
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
