using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace LayerSkip.Engine.Checkpoints;

/// <summary>One safetensors file: its header is read and checked on opening, its data when rows are asked for.</summary>
internal sealed class SafetensorsFile : IDisposable
{
    private const int LengthBytes = 8;

    private readonly StoredFile _stored;
    private readonly long _dataStart;

    private SafetensorsFile(SafetensorsHeader header, StoredFile stored, long dataStart)
    {
        Header = header;
        _stored = stored;
        _dataStart = dataStart;
    }

    /// <summary>The file's name, without its directory.</summary>
    public string Name => _stored.Name;

    /// <summary>The tensors and the metadata.</summary>
    public SafetensorsHeader Header { get; }

    /// <summary>Opens a file.</summary>
    /// <exception cref="CheckpointException">The file cannot be read, or is not a whole and well-formed safetensors file.</exception>
    public static SafetensorsFile Open(string path)
    {
        var name = Path.GetFileName(path);
        SafeFileHandle? handle = null;
        try
        {
            handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            var stored = new StoredFile(name, handle);
            var json = ReadHeader(stored);
            var dataStart = LengthBytes + json.Length;
            return new SafetensorsFile(SafetensorsHeader.Parse(name, json, stored.Length - dataStart), stored, dataStart);
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

    /// <summary>Reads consecutive elements, widened to float32.</summary>
    /// <param name="offset">Where the first begins within the data, in bytes; no alignment is needed.</param>
    /// <param name="type">How they are stored.</param>
    /// <param name="destination">As many elements as are to be read.</param>
    /// <exception cref="ObjectDisposedException">The file was disposed.</exception>
    /// <exception cref="CheckpointException">They cannot be read, or the file has become shorter.</exception>
    public void Read(long offset, TensorDataType type, Span<float> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);

        // What is stored goes into the destination's last bytes, and is widened from there: an element is never written over before it was read.
        var stored = MemoryMarshal.AsBytes(destination)[^checked(destination.Length * SafetensorsDataTypes.SizeOf(type))..];
        Read(offset, stored);
        ElementWidening.Widen(type, stored, destination);
    }

    /// <summary>Reads bytes as they are stored.</summary>
    /// <param name="offset">Where the first lies within the data.</param>
    /// <param name="destination">As many as are to be read.</param>
    /// <exception cref="ObjectDisposedException">The file was disposed.</exception>
    /// <exception cref="CheckpointException">They cannot be read, or the file has become shorter.</exception>
    public void Read(long offset, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        _stored.Read(_dataStart + offset, destination);
    }

    /// <summary>Reads bytes as they are stored into memory that is lent until the lease is disposed.</summary>
    /// <param name="offset">Where the first lies within the data.</param>
    /// <param name="length">How many there are.</param>
    /// <inheritdoc cref="Read(long, Span{byte})"/>
    public StoredFile.Lease Take(long offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        return _stored.Take(_dataStart + offset, length);
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _stored.Dispose();

    private static byte[] ReadHeader(StoredFile stored)
    {
        Span<byte> prefix = stackalloc byte[LengthBytes];
        if (stored.Length < LengthBytes)
        {
            throw new CheckpointException($"{stored.Name}: is {stored.Length} bytes long, expected a safetensors file of at least {LengthBytes}");
        }

        stored.Read(0, prefix);
        var headerLength = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (headerLength > SafetensorsHeader.MaxBytes)
        {
            throw new CheckpointException(
                $"{stored.Name}: header length is {headerLength} bytes, expected at most {SafetensorsHeader.MaxBytes}: not a safetensors file");
        }

        if ((long)headerLength > stored.Length - LengthBytes)
        {
            throw new CheckpointException(
                $"{stored.Name}: header length is {headerLength} bytes, but {stored.Length - LengthBytes} follow: the file is truncated");
        }

        var header = new byte[headerLength];
        stored.Read(LengthBytes, header);
        return header;
    }
}
