using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using LayerSkip.Engine.Devices.Cpu;

namespace LayerSkip.Cli.Measurement;

/// <summary>Measures how fast this machine reads memory: the limit of decoding, which reads every weight once a token.</summary>
internal sealed unsafe class ReadBandwidth : IDisposable
{
    /// <summary>Larger than last-level caches.</summary>
    public const long DefaultBytes = 512L << 20;

    private const int Step = 8 * 32; // eight vectors of 32 bytes

    private readonly long _bytesPerThread;
    private readonly int _threads;
    private readonly NativeBuffer _memory;

    /// <summary>Allocates the memory to read, in huge pages where the system has them, as the engine's weights are.</summary>
    /// <param name="bytes">At least 4096 for each thread.</param>
    /// <param name="threads">Threads that read, at least 1.</param>
    /// <exception cref="OutOfMemoryException">The system has not that much memory.</exception>
    public ReadBandwidth(long bytes, int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(bytes, 4096L * threads);
        _threads = threads;
        _bytesPerThread = bytes / threads / Step * Step;
        _memory = new NativeBuffer(_bytesPerThread * threads);
        NativeMemory.Fill(_memory.Pointer, (nuint)_memory.Bytes, 1);
    }

    /// <summary>Reads all of the memory once, every thread its own part.</summary>
    /// <returns>Bytes per second.</returns>
    public double Measure()
    {
        var memory = _memory.Pointer;
        var sums = new long[_threads];
        var seconds = ThreadTeam.Time(_threads, thread => sums[thread] = Sum(memory + (thread * _bytesPerThread), _bytesPerThread));

        // Using the sums keeps the compiler from leaving the reading out.
        return sums.All(sum => sum != 0) ? _bytesPerThread * _threads / seconds : 0;
    }

    public void Dispose() => _memory.Dispose();

    /// <summary>Sums <paramref name="bytes"/>, a multiple of <see cref="Step"/>, in eight independent chains.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static long Sum(byte* memory, long bytes)
    {
        Vector256<long> a = default, b = default, c = default, d = default, e = default, f = default, g = default, h = default;
        for (var end = memory + bytes; memory < end; memory += Step)
        {
            var vectors = (long*)memory;
            a += Vector256.LoadAligned(vectors);
            b += Vector256.LoadAligned(vectors + 4);
            c += Vector256.LoadAligned(vectors + 8);
            d += Vector256.LoadAligned(vectors + 12);
            e += Vector256.LoadAligned(vectors + 16);
            f += Vector256.LoadAligned(vectors + 20);
            g += Vector256.LoadAligned(vectors + 24);
            h += Vector256.LoadAligned(vectors + 28);
        }

        return Vector256.Sum(a + b + c + d + e + f + g + h);
    }
}
