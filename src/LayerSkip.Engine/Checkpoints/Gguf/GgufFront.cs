namespace LayerSkip.Engine.Checkpoints.Gguf;

/// <summary>A GGUF file from its first byte, read as far as it is asked for: a header does not say how long it is.</summary>
internal sealed class GgufFront
{
    private const int FirstBytes = 1 << 16;

    private readonly StoredFile? _file; // null: all is in memory
    private byte[] _bytes;

    /// <param name="bytes">All there is.</param>
    public GgufFront(byte[] bytes)
    {
        _bytes = bytes;
        Length = bytes.Length;
    }

    /// <param name="file">The open file.</param>
    /// <param name="maxBytes">How much of it may be read.</param>
    public GgufFront(StoredFile file, int maxBytes)
    {
        _file = file;
        _bytes = [];
        Length = (int)Math.Min(file.Length, maxBytes);
    }

    /// <summary>Bytes that may be asked for.</summary>
    public int Length { get; }

    /// <summary>Bytes of the file.</summary>
    /// <param name="offset">Where they begin.</param>
    /// <param name="length">How many there are; they end within <see cref="Length"/>.</param>
    /// <exception cref="CheckpointException">They cannot be read, or the file has become shorter.</exception>
    public ReadOnlySpan<byte> Take(int offset, int length)
    {
        if (_file is not null && offset + length > _bytes.Length)
        {
            // Doubled each time, so that what was read is copied once on the average.
            var known = _bytes.Length;
            Array.Resize(ref _bytes, (int)Math.Min(Length, Math.Max(offset + length, Math.Max(FirstBytes, 2L * known))));
            _file.Read(known, _bytes.AsSpan(known));
        }

        return _bytes.AsSpan(offset, length);
    }
}
