namespace LayerSkip.Engine.Checkpoints.Gguf;

/// <summary>One GGUF file, memory-mapped: its header is read and checked on opening, its data when rows are asked for.</summary>
internal sealed class GgufFile : IDisposable
{
    private readonly MappedFile _mapped;

    private GgufFile(string name, GgufHeader header, MappedFile mapped)
    {
        Name = name;
        Header = header;
        _mapped = mapped;
    }

    /// <summary>The file's name, without its directory.</summary>
    public string Name { get; }

    /// <summary>The metadata and the tensors.</summary>
    public GgufHeader Header { get; }

    /// <summary>Opens a file.</summary>
    /// <exception cref="CheckpointException">The file cannot be read, or is not a whole and well-formed GGUF file.</exception>
    public static GgufFile Open(string path)
    {
        var name = Path.GetFileName(path);
        MappedFile? mapped = null;
        try
        {
            using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            if (RandomAccess.GetLength(handle) == 0)
            {
                throw new CheckpointException($"{name}: is empty, expected a GGUF file");
            }

            mapped = new MappedFile(handle);
            using var front = mapped.Take(0, (int)Math.Min(mapped.Length, GgufHeader.MaxBytes));
            return new GgufFile(name, GgufHeader.Parse(name, front.Bytes, mapped.Length), mapped);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            mapped?.Dispose();
            throw new CheckpointException($"{name}: cannot be read: {error.Message}", error);
        }
        catch (CheckpointException)
        {
            mapped?.Dispose();
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

    /// <summary>Stored bytes of the data, which must lie inside the file.</summary>
    /// <exception cref="ObjectDisposedException">The file was disposed.</exception>
    public MappedFile.Lease Take(long offset, int length) => _mapped.Take(offset, length);

    /// <summary>Unmaps and closes the file.</summary>
    public void Dispose() => _mapped.Dispose();
}
