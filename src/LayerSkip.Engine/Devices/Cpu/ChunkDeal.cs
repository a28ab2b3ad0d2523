namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>Deals the chunks of a job's phases to threads: every thread has a run of neighbours of its own, and when that is done takes from the ends of the others'.</summary>
/// <remarks>
/// Neighbouring chunks read neighbouring memory: a thread that goes through them in turn reads one long stream, and what it reads a token later is still near it.
/// A thread that comes late, or not at all, holds nobody up: its run is dealt when it or another first takes from it.
/// </remarks>
/// <param name="threads">How many take chunks.</param>
internal sealed class ChunkDeal(int threads)
{
    /// <summary>Most chunks of a phase, and most phases of a job.</summary>
    public const int MaxChunks = (1 << CountBits) - 1;

    private const int CountBits = 20;
    private const long CountMask = (1L << CountBits) - 1;
    private const long NextNumber = 1L << (2 * CountBits);
    private const long NumberMask = -NextNumber;

    /// <summary>A run whose number is further from the phase's than half of all numbers would seem to be of a later phase: so often each is renewed.</summary>
    private const long RenewalMask = -(NextNumber << 20);

    /// <summary>Longs from one thread's run to the next: two cache lines, since they are fetched in pairs.</summary>
    private const int Spacing = 16;

    // Each: the number of a phase | first chunk left | end of the chunks left. None is the first: it would share a cache line with the array's length, which all read.
    private readonly long[] _runs = new long[(threads + 2) * Spacing];

    private long _following = NextNumber;

    /// <summary>The latest job: a number that no other has had for long, and its phases, or none where it has ended. Threads without work look at it all the time.</summary>
    public long Current => Volatile.Read(ref Job);

    // The number of its first phase | 0 | phases, behind the runs.
    private ref long Job => ref _runs[(threads + 1) * Spacing];

    /// <summary>The phases of a job, as <see cref="Current"/> gives it.</summary>
    public static int Phases(long job) => (int)(job & CountMask);

    /// <summary>What the chunks of a job's phase are taken by.</summary>
    public static long Phase(long job, int phase, int chunks) => ((job & NumberMask) + (phase * NextNumber)) | (long)chunks;

    /// <summary>Makes a job the current one; all chunks of the one before are done.</summary>
    public long Publish(int phases)
    {
        var job = _following | (long)phases;
        _following += phases * NextNumber;
        if (((job ^ _following) & RenewalMask) != 0)
        {
            // Phases of few chunks leave some runs as they were, however many follow each other.
            for (var owner = 0; owner < threads; owner++)
            {
                Interlocked.Exchange(ref Run(owner), (job & NumberMask) - NextNumber);
            }
        }

        Interlocked.Exchange(ref Job, job);
        return job;
    }

    /// <summary>Ends the current job. Who sees it current after having looked at what it consists of knows that what was seen is true.</summary>
    public void Close()
    {
        Volatile.Write(ref Job, _following);
        Volatile.WriteBarrier();
    }

    /// <summary>The next chunk of a thread's own run.</summary>
    /// <param name="phase">As <see cref="Phase"/> gives it.</param>
    /// <param name="worker">The thread.</param>
    /// <returns>The chunk, or -1 where none is left, or the phase is over.</returns>
    public int Take(long phase, int worker) => Take(phase, worker, first: true);

    /// <summary>A chunk of another thread's run.</summary>
    /// <inheritdoc cref="Take(long, int)"/>
    public int TakeFromOthers(long phase, int worker)
    {
        for (var other = 1; other < threads; other++)
        {
            var chunk = Take(phase, (worker + other) % threads, first: false);
            if (chunk >= 0)
            {
                return chunk;
            }
        }

        return -1;
    }

    /// <summary>The first chunk of a thread's run.</summary>
    public static int Start(int chunks, int worker, int threads) => (int)((long)chunks * worker / threads);

    private ref long Run(int owner) => ref _runs[(owner + 1) * Spacing];

    private int Take(long phase, int owner, bool first)
    {
        ref var run = ref Run(owner);
        while (true)
        {
            var seen = Volatile.Read(ref run);
            var (from, to) = Left(seen, phase, owner);
            if (from >= to)
            {
                return -1;
            }

            var chunk = first ? from++ : --to;
            if (Interlocked.CompareExchange(ref run, (phase & NumberMask) | ((long)from << CountBits) | (long)to, seen) == seen)
            {
                return chunk;
            }
        }
    }

    private (int From, int To) Left(long run, long phase, int owner)
    {
        // Numbers wrap around: what counts is which way they differ.
        var age = unchecked((run & NumberMask) - (phase & NumberMask));
        if (age == 0)
        {
            return ((int)((run >> CountBits) & CountMask), (int)(run & CountMask));
        }

        var chunks = (int)(phase & CountMask);
        return age > 0 ? (0, 0) : (Start(chunks, owner, threads), Start(chunks, owner + 1, threads));
    }
}
