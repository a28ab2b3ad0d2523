namespace LayerSkip.Engine.Tests;

/// <summary>Measures what code that runs over and over allocates.</summary>
internal static class Allocations
{
    private const int Stretches = 4;

    /// <summary>The fewest managed bytes that one of a few stretches allocated on this thread.</summary>
    /// <remarks>
    /// What is allocated for every token is in each of them. A collection that another test brings about takes this thread's allocation buffer
    /// away, which counts as up to 8 KiB though nothing was allocated; it does not meet all of them.
    /// </remarks>
    /// <param name="run">A stretch.</param>
    public static long Least(Action run)
    {
        var least = long.MaxValue;
        for (var stretch = 0; stretch < Stretches && least > 0; stretch++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            run();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }
}
