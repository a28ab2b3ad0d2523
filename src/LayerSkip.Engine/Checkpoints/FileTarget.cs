using System.Runtime.InteropServices;

namespace LayerSkip.Engine.Checkpoints;

/// <summary>What a path leads to: through symbolic links, and perhaps to a device or a pipe.</summary>
internal static partial class FileTarget
{
    /// <summary>Links on the way to a file, after which it is taken for a circle; as many as on Linux.</summary>
    private const int MostLinks = 40;

    /// <summary>The path behind all symbolic links, its directories' too. What it names need not exist.</summary>
    /// <exception cref="IOException">The links lead in a circle.</exception>
    public static string Follow(string path)
    {
        var links = 0;
        return Follow(Path.GetFullPath(path), path, ref links);
    }

    /// <summary>
    /// Whether a path leads to something that is neither a file nor a directory: a device, a pipe, a socket. It is opened by that path: <c>/dev/stdout</c> may lead
    /// to a pipe that has no name. Asked of Linux alone; elsewhere, and where its C library is too old to tell, nothing is special.
    /// </summary>
    public static unsafe bool IsSpecial(string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            return false;
        }

        // Of statx, the structure is the same on all processors: the mode stands at byte 28.
        const int CurrentDirectory = -100; // AT_FDCWD
        const uint Type = 1; // STATX_TYPE
        const int ModeOffset = 28;
        const int TypeMask = 0xF000; // S_IFMT
        const int Directory = 0x4000; // S_IFDIR
        const int Regular = 0x8000; // S_IFREG
        var status = stackalloc byte[256];
        try
        {
            return Status(CurrentDirectory, path, 0, Type, status) == 0 && (*(ushort*)(status + ModeOffset) & TypeMask) is not (Directory or Regular);
        }
        catch (EntryPointNotFoundException)
        {
            return false;
        }
    }

    private static string Follow(string path, string named, ref int links)
    {
        if (Path.GetDirectoryName(path) is not { } parent)
        {
            return path;
        }

        // A relative target starts where the link really lies, which the name of its directory need not say.
        var directory = Follow(parent, named, ref links);
        path = Path.Combine(directory, Path.GetFileName(path));
        if (new FileInfo(path).LinkTarget is not { } target)
        {
            return path;
        }

        return ++links <= MostLinks
            ? Follow(Path.GetFullPath(target, directory), named, ref links)
            : throw new IOException($"{named}: leads through more than {MostLinks} symbolic links");
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int Status(int directory, string path, int flags, uint mask, byte* status);
}
