using System.Runtime.InteropServices;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>Memory outside the managed heap, zeroed, freed on disposal or by the finalizer.</summary>
internal sealed unsafe partial class NativeBuffer : IDisposable
{
    private const int CacheLine = 64;
    private const int HugePage = 2 << 20;
    private const int AdviseHugePages = 14; // MADV_HUGEPAGE

    private byte* _memory;

    /// <exception cref="OutOfMemoryException">The system has not that much memory to give.</exception>
    public NativeBuffer(long bytes)
    {
        _memory = Allocate(bytes);
        Bytes = bytes;
        GC.AddMemoryPressure(Math.Max(bytes, 1));
    }

    ~NativeBuffer() => Free();

    public long Bytes { get; }

    /// <exception cref="ObjectDisposedException">The buffer has been freed.</exception>
    public byte* Pointer
    {
        get
        {
            ObjectDisposedException.ThrowIf(_memory is null, this);
            return _memory;
        }
    }

    public float* Floats => (float*)Pointer;

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    /// <summary>Zeroed memory, to be freed by <see cref="Free(byte*)"/>.</summary>
    /// <exception cref="OutOfMemoryException">The system has not that much memory to give.</exception>
    public static byte* Allocate(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);

        // Large buffers hold weights or caches, read front to back: huge pages spare them most TLB misses.
        var large = bytes >= 2 * HugePage;
        var alignment = (nuint)(large ? HugePage : CacheLine);

        // What the allocator gave stands before the aligned memory. Large memory comes from the system zeroed, page by page when it is first
        // touched: by the threads that fill it, not by one that clears it beforehand.
        var given = (byte*)NativeMemory.AllocZeroed((nuint)Math.Max(bytes, 1) + alignment + (nuint)sizeof(nuint));
        var memory = (byte*)(((nuint)given + (nuint)sizeof(nuint) + alignment - 1) / alignment * alignment);
        ((void**)memory)[-1] = given;
        if (large && OperatingSystem.IsLinux())
        {
            // Advice only: where it is refused, ordinary pages serve.
            _ = Advise(memory, (nuint)bytes, AdviseHugePages);
        }

        return memory;
    }

    /// <summary>Zeroes some memory.</summary>
    public static void Clear(byte* memory, long bytes) => NativeMemory.Clear(memory, (nuint)bytes);

    /// <summary>Frees what <see cref="Allocate"/> gave.</summary>
    public static void Free(byte* memory)
    {
        if (memory is not null)
        {
            NativeMemory.Free(((void**)memory)[-1]);
        }
    }

    private void Free()
    {
        if (_memory is not null)
        {
            Free(_memory);
            GC.RemoveMemoryPressure(Math.Max(Bytes, 1));
            _memory = null;
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* address, nuint length, int advice);
}
