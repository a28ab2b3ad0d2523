namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>Deals a job's chunks to threads: every thread has a run of neighbours of its own, and when that is done takes from the ends of the others'.</summary>
/// <remarks>
/// Neighbouring chunks read neighbouring memory: a thread that goes through them in turn reads one long stream, and what it reads a token later is still near it.
/// A thread that comes late, or not at all, holds nobody up: its run is dealt when it or another first takes from it.
/// </remarks>
/// <param name="threads">How many take chunks.</param>
internal sealed class ChunkDeal(int threads)
{
    /// <summary>Most chunks of a job.</summary>
    public const int MaxChunks = (1 << CountBits) - 1;

    private const int CountBits = 20;
    private const long CountMask = (1L << CountBits) - 1;
    private const long NumberMask = -1L << (2 * CountBits);

    /// <summary>A run whose number is further from the job's than half of all numbers would seem to be of a later job: so often each is given the job's.</summary>
    private const long RenewalMask = ((1L << 20) - 1) << (2 * CountBits);

    /// <summary>Longs from one thread's run to the next: two cache lines, since they are fetched in pairs.</summary>
    private const int Spacing = 16;

    // Each: job number | first chunk left | end of the chunks left.
    private readonly long[] _runs = new long[(threads + 1) * Spacing];

    /// <summary>The latest job: a number that no other has had for long, and its chunks. Threads without work look at it all the time.</summary>
    public long Current => Volatile.Read(ref Job);

    // Job number | 0 | chunks, behind the runs.
    private ref long Job => ref _runs[threads * Spacing];

    /// <summary>Makes a job the current one; all chunks of the one before are done.</summary>
    public long Publish(int chunks)
    {
        var job = (Job & NumberMask) + (1L << (2 * CountBits)) + chunks;
        if ((job & RenewalMask) == 0)
        {
            // Jobs of few chunks leave some runs as they were, however many follow each other.
            for (var owner = 0; owner < threads; owner++)
            {
                var (from, to) = (Start(chunks, owner, threads), Start(chunks, owner + 1, threads));
                Interlocked.Exchange(ref _runs[owner * Spacing], (job & NumberMask) | ((long)from << CountBits) | (long)to);
            }
        }

        Interlocked.Exchange(ref Job, job);
        return job;
    }

    /// <summary>The next chunk of a thread's own run.</summary>
    /// <returns>The chunk, or -1 where none is left, or the job is no longer the current one.</returns>
    public int Take(long job, int worker) => Take(job, worker, first: true);

    /// <summary>A chunk of another thread's run.</summary>
    /// <inheritdoc cref="Take(long, int)"/>
    public int TakeFromOthers(long job, int worker)
    {
        for (var other = 1; other < threads; other++)
        {
            var chunk = Take(job, (worker + other) % threads, first: false);
            if (chunk >= 0)
            {
                return chunk;
            }
        }

        return -1;
    }

    /// <summary>The first chunk of a thread's run.</summary>
    public static int Start(int chunks, int worker, int threads) => (int)((long)chunks * worker / threads);

    private int Take(long job, int owner, bool first)
    {
        ref var run = ref _runs[owner * Spacing];
        while (true)
        {
            var seen = Volatile.Read(ref run);
            var (from, to) = Left(seen, job, owner);
            if (from >= to)
            {
                return -1;
            }

            var chunk = first ? from++ : --to;
            if (Interlocked.CompareExchange(ref run, (job & NumberMask) | ((long)from << CountBits) | (long)to, seen) == seen)
            {
                return chunk;
            }
        }
    }

    private (int From, int To) Left(long run, long job, int owner)
    {
        // Numbers wrap around: what counts is which way they differ.
        var age = unchecked((run & NumberMask) - (job & NumberMask));
        if (age == 0)
        {
            return ((int)((run >> CountBits) & CountMask), (int)(run & CountMask));
        }

        var chunks = (int)(job & CountMask);
        return age > 0 ? (0, 0) : (Start(chunks, owner, threads), Start(chunks, owner + 1, threads));
    }
}
