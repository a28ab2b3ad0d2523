using Microsoft.Win32.SafeHandles;

namespace LayerSkip.Engine.Checkpoints.Gguf;

/// <summary>One GGUF file: its header is read and checked on opening, its data when rows are asked for.</summary>
internal sealed class GgufFile : IDisposable
{
    private readonly StoredFile _stored;

    private GgufFile(GgufHeader header, StoredFile stored)
    {
        Header = header;
        _stored = stored;
    }

    /// <summary>The file's name, without its directory.</summary>
    public string Name => _stored.Name;

    /// <summary>The metadata and the tensors.</summary>
    public GgufHeader Header { get; }

    /// <summary>Opens a file.</summary>
    /// <exception cref="CheckpointException">The file cannot be read, or is not a whole and well-formed GGUF file.</exception>
    public static GgufFile Open(string path)
    {
        var name = Path.GetFileName(path);
        SafeFileHandle? handle = null;
        try
        {
            handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            var stored = new StoredFile(name, handle);
            return stored.Length > 0
                ? new GgufFile(GgufHeader.Parse(name, new GgufFront(stored, GgufHeader.MaxBytes), stored.Length), stored)
                : throw new CheckpointException($"{name}: is empty, expected a GGUF file");
        }
        catch (Exception error)
        {
            handle?.Dispose();
            if (error is IOException or UnauthorizedAccessException or NotSupportedException)
            {
                throw new CheckpointException($"{name}: cannot be read: {error.Message}", error);
            }

            throw;
        }
    }

    /// <summary>Reads a file's metadata alone.</summary>
    /// <exception cref="CheckpointException">The file cannot be read, or is not a whole and well-formed GGUF file.</exception>
    public static GgufMetadata ReadMetadata(string path)
    {
        using var file = Open(path);
        return file.Header.Metadata;
    }

    /// <summary>Reads stored bytes, which must lie inside the file, into memory that is lent until the lease is disposed.</summary>
    /// <inheritdoc cref="StoredFile.Take"/>
    public StoredFile.Lease Take(long offset, int length) => _stored.Take(offset, length);

    /// <summary>Closes the file.</summary>
    public void Dispose() => _stored.Dispose();
}
