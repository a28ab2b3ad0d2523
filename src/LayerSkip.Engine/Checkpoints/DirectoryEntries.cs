using System.Runtime.InteropServices;

namespace LayerSkip.Engine.Checkpoints;

/// <summary>What files a directory holds, on the disk.</summary>
internal static partial class DirectoryEntries
{
    /// <summary>
    /// Has the disk keep what has been created, moved or deleted in a directory: on Linux and others a file's own flush does not say that a file of its name is
    /// there. Windows keeps its directories by itself.
    /// </summary>
    /// <returns>Whether it is kept. A file system may not know how, and a directory that may be written to need not be readable; the files are there all the same.</returns>
    public static bool Flush(string directory)
    {
        if (OperatingSystem.IsWindows())
        {
            return true;
        }

        const int ReadOnly = 0; // O_RDONLY
        var descriptor = Open(directory, ReadOnly);
        if (descriptor < 0)
        {
            return false;
        }

        var kept = Synchronize(descriptor) == 0;
        _ = Close(descriptor);
        return kept;
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int Synchronize(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
