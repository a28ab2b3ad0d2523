using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace LayerSkip.Engine.Checkpoints;

/// <summary>A whole file, mapped to be read.</summary>
/// <remarks>
/// For what is short-lived: mapped pages that were read count as the process's memory until it is disposed, and as with any mapping, the file must
/// not be cut short by another process meanwhile. <see cref="StoredFile"/> is for all else.
/// </remarks>
internal sealed class MappedFile : IDisposable
{
    private readonly MemoryMappedFile _mapping;
    private readonly MemoryMappedViewAccessor? _view; // null where the constructor threw

    /// <param name="handle">The open file, which is not empty; the mapping keeps it open by itself.</param>
    /// <exception cref="IOException">The file cannot be mapped.</exception>
    public MappedFile(SafeFileHandle handle)
    {
        _mapping = MemoryMappedFile.CreateFromFile(handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        try
        {
            _view = _mapping.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);

            // Asked only now: what was cut off before must not be taken for mapped, and what was added since is not.
            Length = Math.Min(RandomAccess.GetLength(handle), _view.Capacity);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Bytes of the file when it was mapped.</summary>
    public long Length { get; }

    /// <summary>Bytes of the file, valid until they are given back.</summary>
    /// <param name="offset">Where they begin.</param>
    /// <param name="length">How many there are.</param>
    /// <exception cref="ArgumentOutOfRangeException">They do not lie inside the file.</exception>
    /// <exception cref="ObjectDisposedException">The file was disposed.</exception>
    public Lease Take(long offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - length);
        return new Lease(_view!, offset, length);
    }

    /// <summary>Unmaps and closes the file.</summary>
    public void Dispose()
    {
        _view?.Dispose();
        _mapping.Dispose();
    }

    /// <summary>Keeps the file mapped while its bytes are in use.</summary>
    public unsafe ref struct Lease
    {
        private readonly MemoryMappedViewAccessor _view;

        // The handle counts its readers and unmaps after the last one; acquiring a disposed one throws.
        public Lease(MemoryMappedViewAccessor view, long offset, int length)
        {
            byte* start = null;
            view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
            _view = view;
            Bytes = new ReadOnlySpan<byte>(start + view.PointerOffset + offset, length);
        }

        public ReadOnlySpan<byte> Bytes { get; }

        public readonly void Dispose() => _view.SafeMemoryMappedViewHandle.ReleasePointer();
    }
}
