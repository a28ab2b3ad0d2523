namespace LayerSkip.Engine.Checkpoints;

/// <summary>Writes a file so that it is either there in full or not at all, and still is after a power cut.</summary>
internal static class AtomicFile
{
    /// <summary>Writes beside the target, then moves over it; whatever fails leaves an earlier file as it was.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(string path, Action<Stream> write) => WriteAll((path, write));

    /// <summary>
    /// As <see cref="Write"/>, for files that belong together: none is moved to its place, in the order given, before all are written. Of several, an earlier last one
    /// is taken away first, so that what ends the process between the moves leaves no last one, rather than one beside files that it does not belong to.
    /// </summary>
    /// <exception cref="IOException">A file cannot be written; or moved, where those before it have been.</exception>
    public static void WriteAll(params ReadOnlySpan<(string Path, Action<Stream> Write)> files)
    {
        var temporaries = new List<string>();
        try
        {
            foreach (var (path, write) in files)
            {
                temporaries.Add($"{path}.{Guid.NewGuid():N}.tmp");
                using var stream = new FileStream(temporaries[^1], FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 20);
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            if (files.Length > 1)
            {
                Delete(files[^1].Path);
            }

            for (var i = 0; i < files.Length; i++)
            {
                Move(temporaries[i], files[i].Path);
            }
        }
        catch
        {
            temporaries.ForEach(File.Delete);
            throw;
        }
    }

    /// <summary>
    /// As <see cref="Write"/>, to where a path leads that somebody named for an output: behind a symbolic link its target is replaced, not the link, and what is no
    /// file (a device, a pipe) is written to as it is, from the first byte on and never sought in.
    /// </summary>
    /// <exception cref="IOException">It cannot be written; of what is no file, a beginning may have been.</exception>
    public static void WriteTo(string path, Action<Stream> write)
    {
        if (!FileTarget.IsSpecial(path))
        {
            Write(FileTarget.Follow(path), write);
            return;
        }

        using var stream = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 1 << 16);
        write(stream);
        stream.Flush();
    }

    /// <summary>As <see cref="Write"/>, with what another file holds.</summary>
    /// <exception cref="IOException">The file cannot be read or written.</exception>
    public static void Copy(string source, string path) => Write(path, stream =>
    {
        using var file = File.OpenRead(source);
        file.CopyTo(stream);
    });

    /// <summary>Moves a file over another of the same disk.</summary>
    /// <exception cref="IOException">The file cannot be moved.</exception>
    public static void Move(string source, string path)
    {
        File.Move(source, path, overwrite: true);
        DirectoryEntries.Flush(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    /// <summary>Deletes a file, if it is there.</summary>
    /// <exception cref="IOException">The file cannot be deleted.</exception>
    public static void Delete(string path)
    {
        if (File.Exists(path))
        {
            File.Delete(path);
            DirectoryEntries.Flush(Path.GetDirectoryName(Path.GetFullPath(path))!);
        }
    }

    /// <summary>Moves a directory to where nothing is.</summary>
    /// <exception cref="IOException">The directory cannot be moved.</exception>
    public static void MoveDirectory(string source, string path)
    {
        Directory.Move(source, path);
        DirectoryEntries.Flush(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }
}
