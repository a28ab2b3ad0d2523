using System.Diagnostics;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>Threads that spin while work keeps coming and park when it stops. The caller is worker 0.</summary>
/// <remarks>
/// Once it is published, threads go through a job's phases by themselves: what one tells another is how many chunks it has done.
/// A phase ends when its chunks are done, not when every thread has reported: a thread that the system has descheduled
/// holds nobody up unless it has taken a chunk. Nothing is allocated and no lock is taken between jobs.
/// Who has nothing to do fetches what the next phase begins with: memory must not rest while one thread does what cannot be shared.
/// One caller at a time; <see cref="StepGate"/> sees to that.
/// </remarks>
internal sealed class ComputePool : IDisposable
{
    /// <summary>How long an idle worker spins before it parks: longer than the gaps within a generation, short enough to free the core after it.</summary>
    private static readonly long s_spinTicks = Stopwatch.Frequency / 500;

    /// <summary>
    /// Looks at whether the others are done, most of them followed by a piece fetched ahead or a pause, before a thread takes from what they have left: to look
    /// there slows down who is at work, which is where they nearly always are, and nearly always they end before.
    /// </summary>
    private const int Patience = 40;

    /// <summary>Looks for news that follow each other at once, before a thread pauses between them: a pause delays news, but leaves the core to its other thread.</summary>
    private const int QuickLooks = 16;

    /// <summary>Looks for news from one time that a thread offers its core to others to the next: a call of the system, which takes longer than many looks.</summary>
    private const int LooksToYield = 128;

    /// <summary>Looks for news from one time that an idle worker reads the clock, to see whether to park, to the next: reading it takes longer than a look.</summary>
    private const int LooksToClock = 256;

    private readonly Worker?[] _workers;
    private readonly ChunkDeal _deal;
    private readonly ThreadProgress _progress;
    private PhasedJob? _job;
    private WeightMatrix? _upcoming;
    private long _before;
    private volatile Exception? _failure;
    private volatile bool _stopped;

    /// <param name="threads">Threads in all, the caller's included; at least 1.</param>
    public ComputePool(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        Threads = threads;
        _deal = new(threads);
        _progress = new(threads);
        _workers = new Worker?[threads - 1];
        try
        {
            for (var i = 0; i < _workers.Length; i++)
            {
                _workers[i] = new Worker(this, i + 1);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Threads in all, the caller's included.</summary>
    public int Threads { get; }

    /// <summary>Runs a job's chunks on all threads, and returns when the last is done.</summary>
    /// <param name="job">The job.</param>
    /// <param name="chunks">How many chunks it falls into, at most 2^20 - 1.</param>
    /// <param name="upcoming">What is multiplied next, if that is known.</param>
    /// <exception cref="InvalidOperationException">A chunk threw, which is the inner exception; chunks not begun by then were left out.</exception>
    public void Run(ParallelJob job, int chunks, WeightMatrix? upcoming = null)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(chunks, ChunkDeal.MaxChunks);
        job.ChunkCount = chunks;
        if (chunks > 1)
        {
            Run(job, upcoming);
        }
        else if (chunks == 1)
        {
            Run(job, phase: 0, chunk: 0, worker: 0, isFirst: true);
            ThrowIfFailed();
        }
    }

    /// <summary>Runs a job's phases on all threads, and returns when the last is done.</summary>
    /// <param name="job">The job.</param>
    /// <param name="upcoming">What is multiplied next, if that is known.</param>
    /// <exception cref="InvalidOperationException">A chunk threw, which is the inner exception; chunks not begun by then were left out.</exception>
    public void Run(PhasedJob job, WeightMatrix? upcoming = null)
    {
        if (Threads == 1)
        {
            RunAlone(job);
            return;
        }

        (_job, _upcoming) = (job, upcoming);
        var number = _deal.Publish(job.Phases);
        foreach (var worker in _workers)
        {
            worker!.Unpark();
        }

        var done = TakeChunks(job, number, _before, 0);
        _deal.Close();
        _before = done;
        ThrowIfFailed();
    }

    /// <summary>Runs a job's chunks on the calling thread.</summary>
    /// <inheritdoc cref="Run(ParallelJob, int, WeightMatrix?)"/>
    public void RunAlone(ParallelJob job, int chunks)
    {
        job.ChunkCount = chunks;
        RunAlone(job);
    }

    /// <summary>Runs a job's phases on the calling thread.</summary>
    /// <inheritdoc cref="Run(PhasedJob, WeightMatrix?)"/>
    public void RunAlone(PhasedJob job)
    {
        var phases = job.Phases;
        for (var phase = 0; phase < phases; phase++)
        {
            var chunks = job.Chunks(phase);
            for (var chunk = 0; chunk < chunks; chunk++)
            {
                Run(job, phase, chunk, worker: 0, isFirst: chunk == 0);
            }
        }

        ThrowIfFailed();
    }

    /// <summary>Ends the threads; no job may be running.</summary>
    public void Dispose()
    {
        _stopped = true;

        // The flag must be seen before anyone's parking is looked at.
        Interlocked.MemoryBarrier();
        foreach (var worker in _workers)
        {
            worker?.Dispose();
        }
    }

    private void ThrowIfFailed()
    {
        if (_failure is { } failure)
        {
            _failure = null;
            throw new InvalidOperationException("a compute job failed", failure);
        }
    }

    /// <summary>One thread's way through a job's phases. The caller's ends when all is done, another's when nothing is left to take.</summary>
    /// <returns>Chunks that were done, ever, when the job had ended.</returns>
    private long TakeChunks(PhasedJob job, long number, long before, int worker)
    {
        var phases = ChunkDeal.Phases(number);
        var patience = Patience;
        for (var phase = 0; phase < phases; phase++)
        {
            var chunks = job.Chunks(phase);
            Volatile.ReadBarrier();
            if (_deal.Current != number)
            {
                // The job has ended without this thread, and may be set up for its next run.
                break;
            }

            before += chunks;
            var (taken, part) = (0, ChunkDeal.Phase(number, phase, chunks));
            for (var chunk = _deal.Take(part, worker); chunk >= 0; chunk = _deal.Take(part, worker))
            {
                Run(job, phase, chunk, worker, isFirst: taken++ == 0);
            }

            if (taken > 0)
            {
                _progress.Add(worker, taken);
            }

            var isLast = phase + 1 == phases;
            if (isLast && worker != 0)
            {
                TakeOver(job, phase, part, worker, taken == 0);
            }
            else
            {
                var ahead = isLast ? ReadAhead.Of(_upcoming, worker, Threads) : job.Upcoming(phase, worker);
                patience = Help(job, phase, part, before, worker, taken == 0, patience, ahead);
            }
        }

        return before;
    }

    /// <summary>Waits until a phase has ended, and takes over what others have not begun with.</summary>
    /// <returns>The patience to have in the next phase: none with threads that were not there.</returns>
    private int Help(PhasedJob job, int phase, long part, long done, int worker, bool isFirst, int patience, ReadAhead ahead)
    {
        var (hasHelped, mayHelp) = (false, true);
        for (var spins = 1; _progress.Sum < done; spins++)
        {
            if (mayHelp && spins > patience)
            {
                var chunk = _deal.TakeFromOthers(part, worker);
                if (chunk >= 0)
                {
                    Run(job, phase, chunk, worker, isFirst);
                    _progress.Add(worker, 1);
                    (isFirst, hasHelped) = (false, true);
                    continue;
                }

                mayHelp = false;
            }

            if (!ahead.Fetch() && spins > QuickLooks)
            {
                Pause(spins);
            }
        }

        return hasHelped ? 0 : Patience;
    }

    /// <summary>Takes over what others have not begun with of the last phase, whose end the caller alone waits for.</summary>
    private void TakeOver(PhasedJob job, int phase, long part, int worker, bool isFirst)
    {
        for (var chunk = _deal.TakeFromOthers(part, worker); chunk >= 0; chunk = _deal.TakeFromOthers(part, worker))
        {
            Run(job, phase, chunk, worker, isFirst);
            _progress.Add(worker, 1);
            isFirst = false;
        }
    }

    private void Run(PhasedJob job, int phase, int chunk, int worker, bool isFirst)
    {
        // After a failure, what is left is passed over.
        if (_failure is not null)
        {
            return;
        }

        try
        {
            // The phase cannot end before this chunk is counted: until then all that it reads stays as it is.
            if (isFirst)
            {
                job.Begin(phase, worker);
            }

            job.Run(phase, chunk, worker);
        }
#pragma warning disable CA1031 // Whatever it is, it must reach the caller of Run rather than end the process on this thread.
        catch (Exception e)
#pragma warning restore CA1031
        {
            _failure = e;
        }
    }

    private static void Pause(int spins)
    {
        // Where another process holds the other core, its thread must get this one.
        if (spins % LooksToYield == 0)
        {
            Thread.Yield();
        }
        else
        {
            Thread.SpinWait(1);
        }
    }

    private sealed class Worker : IDisposable
    {
        private readonly ComputePool _pool;
        private readonly int _number;
        private readonly Thread _thread;
        private readonly SemaphoreSlim _wake = new(0);
        private int _parked;

        public Worker(ComputePool pool, int number)
        {
            _pool = pool;
            _number = number;
            _thread = new Thread(Loop) { IsBackground = true, Name = $"LayerSkip compute {number}" };
            _thread.Start();
        }

        public void Unpark()
        {
            if (Volatile.Read(ref _parked) != 0 && Interlocked.Exchange(ref _parked, 0) != 0)
            {
                _wake.Release();
            }
        }

        public void Dispose()
        {
            Unpark();
            _thread.Join();
            _wake.Dispose();
        }

        private void Loop()
        {
            var seen = 0L;
            while (WaitForJob(ref seen))
            {
                var (job, before) = (_pool._job!, _pool._before);
                _pool.TakeChunks(job, seen, before, _number);
            }
        }

        private bool WaitForJob(ref long seen)
        {
            var ahead = ReadAhead.Of(_pool._upcoming, _number, _pool.Threads);
            var since = Stopwatch.GetTimestamp();
            for (var spins = 1; !_pool._stopped; spins++)
            {
                var current = _pool._deal.Current;
                if (current != seen)
                {
                    seen = current;
                    if (ChunkDeal.Phases(current) > 0)
                    {
                        return true;
                    }
                }

                if (ahead.Fetch() || spins < QuickLooks)
                {
                    continue;
                }

                if (spins % LooksToClock == 0 && Stopwatch.GetTimestamp() - since > s_spinTicks)
                {
                    Park(current);
                    since = Stopwatch.GetTimestamp();
                }

                Pause(spins);
            }

            return false;
        }

        private void Park(long current)
        {
            Interlocked.Exchange(ref _parked, 1);

            // A job published before the flag was seen must not be slept through; if Run has already taken the flag, its release is due.
            var nothingNew = _pool._deal.Current == current && !_pool._stopped;
            if (nothingNew || Interlocked.Exchange(ref _parked, 0) == 0)
            {
                _wake.Wait();
            }
        }
    }
}
