using System.Buffers;
using Microsoft.Win32.SafeHandles;

namespace LayerSkip.Engine.Checkpoints;

/// <summary>An open file whose bytes are read where they are asked for, by any number of threads.</summary>
/// <remarks>
/// Read, not mapped: pages of a mapping would count as the process's memory beside what is made of them, and one that another
/// process cuts off would end this one. Disposing closes the file after the reads under way; later ones throw
/// <see cref="ObjectDisposedException"/>.
/// </remarks>
/// <param name="name">What errors call it.</param>
/// <param name="handle">The open file, which this disposes.</param>
internal sealed class StoredFile(string name, SafeFileHandle handle) : IDisposable
{
    /// <summary>The file's name.</summary>
    public string Name => name;

    /// <summary>Bytes of the file when it was opened.</summary>
    public long Length { get; } = RandomAccess.GetLength(handle);

    /// <summary>Reads bytes.</summary>
    /// <param name="offset">Where they begin.</param>
    /// <param name="destination">As many as are to be read.</param>
    /// <exception cref="ArgumentOutOfRangeException">They do not lie inside the file as it was.</exception>
    /// <exception cref="ObjectDisposedException">The file was disposed.</exception>
    /// <exception cref="CheckpointException">They cannot be read, or the file has become shorter.</exception>
    public void Read(long offset, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - destination.Length);
        try
        {
            while (!destination.IsEmpty)
            {
                var read = RandomAccess.Read(handle, destination, offset);
                if (read == 0)
                {
                    throw new CheckpointException($"{name}: ends after {offset} bytes, but was {Length} bytes long when it was opened: the file was cut short");
                }

                destination = destination[read..];
                offset += read;
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"{name}: cannot be read: {error.Message}", error);
        }
    }

    /// <summary>Reads bytes into memory that is lent until the lease is disposed.</summary>
    /// <param name="offset">Where they begin.</param>
    /// <param name="length">How many there are.</param>
    /// <inheritdoc cref="Read"/>
    public Lease Take(long offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - length);
        var bytes = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            Read(offset, bytes.AsSpan(0, length));
            return new Lease(bytes, length);
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(bytes);
            throw;
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => handle.Dispose();

    /// <summary>Bytes of the file, valid until they are given back.</summary>
    public readonly ref struct Lease(byte[] rented, int length)
    {
        public ReadOnlySpan<byte> Bytes => rented.AsSpan(0, length);

        public void Dispose() => ArrayPool<byte>.Shared.Return(rented);
    }
}
