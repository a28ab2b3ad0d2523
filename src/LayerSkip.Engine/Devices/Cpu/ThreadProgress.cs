namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>How many chunks threads have done: each counts its own, all look at the sum, and nobody waits to count.</summary>
/// <param name="threads">How many count.</param>
internal sealed class ThreadProgress(int threads)
{
    /// <summary>Longs from one thread's count to the next: two cache lines, since they are fetched in pairs.</summary>
    private const int Spacing = 16;

    // None is the first: it would share a cache line with the array's length, which all read.
    private readonly long[] _counts = new long[(threads + 1) * Spacing];

    /// <summary>Chunks that all threads have done, ever.</summary>
    public long Sum
    {
        get
        {
            var sum = 0L;
            for (var worker = 1; worker <= threads; worker++)
            {
                sum += Volatile.Read(ref _counts[worker * Spacing]);
            }

            return sum;
        }
    }

    /// <summary>Counts chunks: whoever sees them counted sees what was done in them.</summary>
    public void Add(int worker, int chunks)
    {
        ref var count = ref _counts[(worker + 1) * Spacing];
        Volatile.Write(ref count, count + chunks);
    }
}
