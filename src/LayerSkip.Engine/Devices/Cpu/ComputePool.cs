using System.Diagnostics;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>Threads that spin while work keeps coming and park when it stops. The caller is worker 0.</summary>
/// <remarks>
/// A job ends when its chunks are done, not when every thread has reported: a thread that the system has descheduled
/// holds nobody up unless it has taken a chunk. Nothing is allocated and no lock is taken between jobs.
/// One caller at a time; <see cref="StepGate"/> sees to that.
/// </remarks>
internal sealed class ComputePool : IDisposable
{
    private const int CountBits = 20;
    private const int MaxChunks = (1 << CountBits) - 4096;
    private const long CountMask = (1L << CountBits) - 1;

    /// <summary>How long an idle worker spins before it parks: longer than the gaps within a generation, short enough to free the core after it.</summary>
    private static readonly long s_spinTicks = Stopwatch.Frequency / 500;

    private readonly Worker?[] _workers;
    private ParallelJob? _job;

    // Ticket: job number | chunk count | next chunk. One atomic increment claims a chunk and says which job it belongs to.
    private long _ticket;
    private int _done;
    private volatile Exception? _failure;
    private volatile bool _stopped;

    /// <param name="threads">Threads in all, the caller's included; at least 1.</param>
    public ComputePool(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        Threads = threads;
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
    public void Run(ParallelJob job, int chunks)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(chunks, MaxChunks);
        if (chunks <= 1 || Threads == 1)
        {
            for (var chunk = 0; chunk < chunks; chunk++)
            {
                job.Run(chunk, 0);
            }

            return;
        }

        _job = job;
        _done = 0;
        var number = (Volatile.Read(ref _ticket) >> (2 * CountBits)) + 1;
        Interlocked.Exchange(ref _ticket, (number << (2 * CountBits)) | ((long)chunks << CountBits));
        foreach (var worker in _workers)
        {
            worker!.Unpark();
        }

        TakeChunks(0);
        for (var spins = 1; Volatile.Read(ref _done) < chunks; spins++)
        {
            Pause(spins);
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

    private void TakeChunks(int worker)
    {
        var completed = 0;
        while (true)
        {
            // Looked at before it is incremented, so that idle threads do not run the counter up.
            var ticket = Volatile.Read(ref _ticket);
            if ((ticket & CountMask) >= ((ticket >> CountBits) & CountMask))
            {
                break;
            }

            ticket = Interlocked.Increment(ref _ticket) - 1;
            var chunk = (int)(ticket & CountMask);
            if (chunk >= ((ticket >> CountBits) & CountMask))
            {
                break;
            }

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

            completed++;
        }

        if (completed > 0)
        {
            Interlocked.Add(ref _done, completed);
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
                _pool.TakeChunks(_number);
            }
        }

        private bool WaitForJob(ref long seen)
        {
            var since = Stopwatch.GetTimestamp();
            for (var spins = 1; !_pool._stopped; spins++)
            {
                var number = Volatile.Read(ref _pool._ticket) >> (2 * CountBits);
                if (number != seen)
                {
                    seen = number;
                    return true;
                }

                if (spins % 256 == 0 && Stopwatch.GetTimestamp() - since > s_spinTicks)
                {
                    Park(number);
                    since = Stopwatch.GetTimestamp();
                }

                Pause(spins);
            }

            return false;
        }

        private void Park(long number)
        {
            Interlocked.Exchange(ref _parked, 1);

            // A job published before the flag was seen must not be slept through; if Run has already taken the flag, its release is due.
            var nothingNew = Volatile.Read(ref _pool._ticket) >> (2 * CountBits) == number && !_pool._stopped;
            if (nothingNew || Interlocked.Exchange(ref _parked, 0) == 0)
            {
                _wake.Wait();
            }
        }
    }
}
