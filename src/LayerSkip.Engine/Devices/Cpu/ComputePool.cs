using System.Diagnostics;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>Threads that spin while work keeps coming and park when it stops. The caller is worker 0.</summary>
/// <remarks>
/// A job ends when its chunks are done, not when every thread has reported: a thread that the system has descheduled
/// holds nobody up unless it has taken a chunk. Nothing is allocated and no lock is taken between jobs.
/// Who has nothing to do fetches what the next job begins with: memory must not rest while one thread does what cannot be shared.
/// One caller at a time; <see cref="StepGate"/> sees to that.
/// </remarks>
internal sealed class ComputePool : IDisposable
{
    /// <summary>How long an idle worker spins before it parks: longer than the gaps within a generation, short enough to free the core after it.</summary>
    private static readonly long s_spinTicks = Stopwatch.Frequency / 500;

    private readonly Worker?[] _workers;
    private readonly ChunkDeal _deal;
    private ParallelJob? _job;
    private WeightMatrix? _upcoming;
    private int _done;
    private volatile Exception? _failure;
    private volatile bool _stopped;

    /// <param name="threads">Threads in all, the caller's included; at least 1.</param>
    public ComputePool(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        Threads = threads;
        _deal = new(threads);
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
    public void Run(ParallelJob job, int chunks, WeightMatrix? upcoming = null)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(chunks, ChunkDeal.MaxChunks);
        if (chunks <= 1 || Threads == 1)
        {
            for (var chunk = 0; chunk < chunks; chunk++)
            {
                job.Run(chunk, 0);
            }

            return;
        }

        (_job, _upcoming, _done) = (job, upcoming, 0);
        var number = _deal.Publish(chunks);
        foreach (var worker in _workers)
        {
            worker!.Unpark();
        }

        TakeChunks(number, 0);
        var ahead = new ReadAhead(upcoming, 0, Threads);
        for (var spins = 1; Volatile.Read(ref _done) < chunks; spins++)
        {
            if (!ahead.Fetch())
            {
                Pause(spins);
            }
        }

        if (_failure is { } failure)
        {
            _failure = null;
            throw new InvalidOperationException("a compute job failed", failure);
        }
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

    private void TakeChunks(long number, int worker)
    {
        // What is done is counted before chunks are looked for elsewhere: nobody need wait for that.
        var completed = 0;
        for (var chunk = _deal.Take(number, worker); chunk >= 0; chunk = _deal.Take(number, worker), completed++)
        {
            Run(chunk, worker);
        }

        if (completed > 0)
        {
            Interlocked.Add(ref _done, completed);
        }

        for (var chunk = _deal.TakeFromOthers(number, worker); chunk >= 0; chunk = _deal.TakeFromOthers(number, worker))
        {
            Run(chunk, worker);
            Interlocked.Increment(ref _done);
        }
    }

    private void Run(int chunk, int worker)
    {
        try
        {
            // The job cannot end, and so cannot be replaced, before this chunk is counted.
            _job!.Run(chunk, worker);
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
        if (spins % 128 == 0)
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
                _pool.TakeChunks(seen, _number);
            }
        }

        private bool WaitForJob(ref long seen)
        {
            var ahead = new ReadAhead(_pool._upcoming, _number, _pool.Threads);
            var since = Stopwatch.GetTimestamp();
            for (var spins = 1; !_pool._stopped; spins++)
            {
                var current = _pool._deal.Current;
                if (current != seen)
                {
                    seen = current;
                    return true;
                }

                if (ahead.Fetch())
                {
                    continue;
                }

                if (spins % 256 == 0 && Stopwatch.GetTimestamp() - since > s_spinTicks)
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
