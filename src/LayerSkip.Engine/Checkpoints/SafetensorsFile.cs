using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace LayerSkip.Engine.Checkpoints;

/// <summary>One safetensors file, memory-mapped: its header is read and checked on opening, its data when rows are asked for.</summary>
/// <remarks>
/// Disposing unmaps the file, so that pages that were read stop counting as resident. A read under way on another thread
/// finishes first; later ones throw <see cref="ObjectDisposedException"/>. As with any mapping, the file must not be cut short
/// by another process while it is open.
/// </remarks>
internal sealed class SafetensorsFile : IDisposable
{
    private const int LengthBytes = 8;

    private readonly MemoryMappedFile _mapping;
    private readonly MemoryMappedViewAccessor _view;
    private readonly long _dataStart;
    private readonly long _dataLength;

    private SafetensorsFile(string name, SafetensorsHeader header, MemoryMappedFile mapping, long dataStart, long dataLength)
    {
        Name = name;
        Header = header;
        _mapping = mapping;
        _view = mapping.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        _dataStart = dataStart;
        _dataLength = dataLength;
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

            // The view, made below, keeps the file open by itself.
            var mapping = MemoryMappedFile.CreateFromFile(
                handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            return new SafetensorsFile(name, header, mapping, dataStart, length - dataStart);
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
    public unsafe void Read(long offset, TensorDataType type, Span<float> destination)
    {
        var length = checked(destination.Length * SafetensorsDataTypes.SizeOf(type));
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, _dataLength - length);

        // The handle counts its readers and unmaps after the last one; acquiring a disposed one throws.
        var mapped = _view.SafeMemoryMappedViewHandle;
        byte* start = null;
        try
        {
            mapped.AcquirePointer(ref start);
            var stored = new ReadOnlySpan<byte>(start + _view.PointerOffset + _dataStart + offset, length);
            ElementWidening.Widen(type, stored, destination);
        }
        finally
        {
            if (start is not null)
            {
                mapped.ReleasePointer();
            }
        }
    }

    /// <summary>Unmaps and closes the file.</summary>
    public void Dispose()
    {
        _view.Dispose();
        _mapping.Dispose();
    }

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
