using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace LayerSkip.Engine.Checkpoints;

/// <summary>One safetensors file, memory-mapped: its header is read and checked on opening, its data when rows are asked for.</summary>
/// <remarks>
/// Disposing unmaps the file; see <see cref="MappedFile"/>.
/// </remarks>
internal sealed class SafetensorsFile : IDisposable
{
    private const int LengthBytes = 8;

    private readonly MappedFile _mapped;
    private readonly long _dataStart;

    private SafetensorsFile(string name, SafetensorsHeader header, MappedFile mapped, long dataStart)
    {
        Name = name;
        Header = header;
        _mapped = mapped;
        _dataStart = dataStart;
    }

    /// <summary>The file's name, without its directory.</summary>
    public string Name { get; }

    /// <summary>The tensors and the metadata.</summary>
    public SafetensorsHeader Header { get; }

    /// <summary>Opens a file.</summary>
    /// <exception cref="CheckpointException">The file cannot be read, or is not a whole and well-formed safetensors file.</exception>
    public static SafetensorsFile Open(string path)
    {
        var name = Path.GetFileName(path);
        try
        {
            using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            var length = RandomAccess.GetLength(handle);
            var json = ReadHeader(handle, name, length);
            var dataStart = LengthBytes + json.Length;
            var header = SafetensorsHeader.Parse(name, json, length - dataStart);
            return new SafetensorsFile(name, header, new MappedFile(handle), dataStart);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new CheckpointException($"{name}: cannot be read: {error.Message}", error);
        }
    }

    /// <summary>Reads consecutive elements, widened to float32.</summary>
    /// <param name="offset">Where the first begins within the data, in bytes; no alignment is needed.</param>
    /// <param name="type">How they are stored.</param>
    /// <param name="destination">As many elements as are to be read.</param>
    /// <exception cref="ObjectDisposedException">The file was disposed.</exception>
    public void Read(long offset, TensorDataType type, Span<float> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        using var stored = _mapped.Take(_dataStart + offset, checked(destination.Length * SafetensorsDataTypes.SizeOf(type)));
        ElementWidening.Widen(type, stored.Bytes, destination);
    }

    /// <summary>Bytes as they are stored, valid until they are given back.</summary>
    /// <param name="offset">Where the first lies within the data.</param>
    /// <param name="length">How many there are.</param>
    /// <exception cref="ObjectDisposedException">The file was disposed.</exception>
    public MappedFile.Lease Take(long offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        return _mapped.Take(_dataStart + offset, length);
    }

    /// <summary>Unmaps and closes the file.</summary>
    public void Dispose() => _mapped.Dispose();

    private static byte[] ReadHeader(SafeFileHandle handle, string name, long fileLength)
    {
        Span<byte> prefix = stackalloc byte[LengthBytes];
        if (fileLength < LengthBytes || !TryRead(handle, prefix, 0))
        {
            throw new CheckpointException($"{name}: is {fileLength} bytes long, expected a safetensors file of at least {LengthBytes}");
        }

        var headerLength = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (headerLength > SafetensorsHeader.MaxBytes)
        {
            throw new CheckpointException(
                $"{name}: header length is {headerLength} bytes, expected at most {SafetensorsHeader.MaxBytes}: not a safetensors file");
        }

        if ((long)headerLength > fileLength - LengthBytes)
        {
            throw new CheckpointException(
                $"{name}: header length is {headerLength} bytes, but {fileLength - LengthBytes} follow: the file is truncated");
        }

        // Read rather than mapped: a header of pages that are touched once need not outlive its parsing.
        var header = new byte[headerLength];
        if (!TryRead(handle, header, LengthBytes))
        {
            throw new CheckpointException($"{name}: ended within its header: the file is truncated");
        }

        return header;
    }

    private static bool TryRead(SafeFileHandle handle, Span<byte> destination, long offset)
    {
        while (!destination.IsEmpty)
        {
            var read = RandomAccess.Read(handle, destination, offset);
            if (read == 0)
            {
                return false;
            }

            destination = destination[read..];
            offset += read;
        }

        return true;
    }
}
