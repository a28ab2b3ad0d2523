using System.Diagnostics;

namespace LayerSkip.Cli.Measurement;

/// <summary>Runs the same work on several threads at once and times it.</summary>
internal static class ThreadTeam
{
    /// <summary>Runs the work.</summary>
    /// <param name="threads">How many threads, the caller's among them; at least 1.</param>
    /// <param name="work">Told the thread's number, 0..threads-1. It must not throw.</param>
    /// <returns>Seconds from the first thread's start to the last one's end; creating and waking the threads is left out.</returns>
    public static double Time(int threads, Action<int> work)
    {
        var waiting = threads;
        var starts = new long[threads];
        var ends = new long[threads];
        var others = Enumerable.Range(1, threads - 1).Select(index => new Thread(() => Run(index)) { IsBackground = true }).ToArray();
        foreach (var thread in others)
        {
            thread.Start();
        }

        Run(0);
        foreach (var thread in others)
        {
            thread.Join();
        }

        return Stopwatch.GetElapsedTime(starts.Min(), ends.Max()).TotalSeconds;

        void Run(int index)
        {
            // Spinning, since a parked thread takes a millisecond or more to wake.
            Interlocked.Decrement(ref waiting);
            var spin = default(SpinWait);
            while (Volatile.Read(ref waiting) > 0)
            {
                spin.SpinOnce(sleep1Threshold: -1);
            }

            starts[index] = Stopwatch.GetTimestamp();
            work(index);
            ends[index] = Stopwatch.GetTimestamp();
        }
    }
}
