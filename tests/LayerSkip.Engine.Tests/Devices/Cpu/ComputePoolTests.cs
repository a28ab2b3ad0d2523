using LayerSkip.Engine.Devices.Cpu;

namespace LayerSkip.Engine.Tests.Devices.Cpu;

/// <summary>Every chunk once, whatever the threads, from busy and from parked.</summary>
public class ComputePoolTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    public void Every_chunk_runs_exactly_once(int threads)
    {
        using var pool = new ComputePool(threads);
        var random = new Random(1);
        var job = new CountingJob(300, threads);
        for (var round = 0; round < 3000; round++)
        {
            var chunks = random.Next(0, 300);
            pool.Run(job, chunks);
            job.Check(chunks);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    public void Every_chunk_of_every_phase_runs_exactly_once_and_phase_by_phase(int threads)
    {
        using var pool = new ComputePool(threads);
        var random = new Random(2);
        for (var round = 0; round < 500; round++)
        {
            var job = new StagedJob([.. Enumerable.Range(0, random.Next(1, 40)).Select(_ => random.Next(0, 12))], threads);
            pool.Run(job);
            job.Check();
        }
    }

    [Fact]
    public void One_job_set_up_anew_for_every_run_is_never_taken_for_its_former_self()
    {
        // More threads than processors: some come when all is over.
        using var pool = new ComputePool(5);
        var random = new Random(3);
        var job = new StagedJob([], 5);
        for (var round = 0; round < 3000; round++)
        {
            job.SetUp([.. Enumerable.Range(0, random.Next(1, 6)).Select(_ => random.Next(0, 8))]);
            pool.Run(job);
            job.Check();
        }
    }

    [Fact]
    public void A_failure_in_a_phase_ends_the_job_and_reaches_the_caller()
    {
        using var pool = new ComputePool(2);
        var job = new StagedJob([5, 5, 5], 2) { FailingPhase = 1 };
        Assert.IsType<FormatException>(Assert.Throws<InvalidOperationException>(() => pool.Run(job)).InnerException);
        Assert.False(job.Reached(2));
        job.SetUp([3, 3]);
        pool.Run(job);
        job.Check();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(20)]
    [InlineData(40)]
    public void A_thread_that_is_held_up_leaves_its_other_chunks_to_the_others(int held)
    {
        // The chunk is the first of its thread's run.
        using var pool = new ComputePool(3);
        var job = new HeldJob(60, held);
        pool.Run(job, 60);
        Assert.Equal(60, job.Done);
    }

    [Theory]
    [InlineData(1, 50)]
    [InlineData(2, 1)]
    public void A_failure_reaches_the_caller_in_the_same_way_where_nothing_is_shared(int threads, int chunks)
    {
        using var pool = new ComputePool(threads);
        var job = new StagedJob([chunks, 1, 1], threads) { FailingPhase = 0 };
        Assert.IsType<FormatException>(Assert.Throws<InvalidOperationException>(() => pool.Run(job)).InnerException);
        Assert.IsType<FormatException>(Assert.Throws<InvalidOperationException>(() => pool.Run(new FailingJob(0), chunks)).InnerException);
    }

    [Fact]
    public void Parked_threads_wake_for_the_next_job()
    {
        using var pool = new ComputePool(3);
        using var job = new MeetingJob(3);
        for (var round = 0; round < 5; round++)
        {
            pool.Run(job, 3);
            Thread.Sleep(20); // Longer than the threads spin.
        }
    }

    [Fact]
    public void A_failing_chunk_reaches_the_caller_and_the_pool_goes_on()
    {
        using var pool = new ComputePool(2);
        var error = Assert.Throws<InvalidOperationException>(() => pool.Run(new FailingJob(17), 50));
        Assert.IsType<FormatException>(error.InnerException);
        var job = new CountingJob(50, 2);
        pool.Run(job, 50);
        job.Check(50);
    }

    [Fact]
    public void Running_a_job_allocates_nothing()
    {
        using var pool = new ComputePool(2);
        var job = new CountingJob(64, 2);
        pool.Run(job, 64);
        Assert.Equal(0, Allocations.Least(() =>
        {
            for (var i = 0; i < 100; i++)
            {
                pool.Run(job, 64);
            }
        }));
    }

    private sealed class CountingJob(int size, int threads) : ParallelJob
    {
        private readonly int[] _counts = new int[size];

        public override void Run(int chunk, int worker)
        {
            if ((uint)worker >= (uint)threads)
            {
                throw new InvalidOperationException($"worker {worker} of {threads}");
            }

            Interlocked.Increment(ref _counts[chunk]);
        }

        public void Check(int chunks)
        {
            Assert.All(_counts[..chunks], static count => Assert.Equal(1, count));
            Assert.All(_counts[chunks..], static count => Assert.Equal(0, count));
            Array.Clear(_counts);
        }
    }

    /// <summary>Counts chunks, and looks whether all of the phases before are done.</summary>
    private sealed class StagedJob(int[] chunks, int threads) : PhasedJob
    {
        private readonly int[] _begun = new int[threads];
        private int[] _chunks = chunks;
        private int[][] _counts = Counts(chunks);

        public int FailingPhase { get; init; } = -1;

        public override int Phases => _chunks.Length;

        public override int Chunks(int phase) => phase < _chunks.Length ? _chunks[phase] : 1000;

        public void SetUp(int[] chunks)
        {
            Array.Clear(_begun);
            (_chunks, _counts) = (chunks, Counts(chunks));
        }

        public override void Begin(int phase, int worker) => _begun[worker] = phase + 1;

        public override void Run(int phase, int chunk, int worker)
        {
            if (phase == FailingPhase && _chunks.Length == 3)
            {
                throw new FormatException("failing");
            }

            if (_begun[worker] != phase + 1 || _counts[..phase].Any(static counts => counts.Any(static count => Volatile.Read(in count) != 1)))
            {
                throw new InvalidOperationException($"phase {phase} too early");
            }

            Interlocked.Increment(ref _counts[phase][chunk]);
        }

        public bool Reached(int phase) => _counts[phase].Any(static count => count > 0);

        public void Check() => Assert.All(_counts, static counts => Assert.All(counts, static count => Assert.Equal(1, count)));

        private static int[][] Counts(int[] chunks) => [.. chunks.Select(static count => new int[count])];
    }

    /// <summary>Ends only if every chunk has a thread of its own.</summary>
    private sealed class MeetingJob(int threads) : ParallelJob, IDisposable
    {
        private readonly Barrier _barrier = new(threads);

        public override void Run(int chunk, int worker)
        {
            if (!_barrier.SignalAndWait(TimeSpan.FromSeconds(30)))
            {
                throw new TimeoutException("a parked thread did not wake");
            }
        }

        public void Dispose() => _barrier.Dispose();
    }

    /// <summary>Holds the thread that runs one chunk until all others are done.</summary>
    private sealed class HeldJob(int chunks, int held) : ParallelJob
    {
        private int _done;

        public int Done => Volatile.Read(ref _done);

        public override void Run(int chunk, int worker)
        {
            if (chunk == held && !SpinWait.SpinUntil(() => Done == chunks - 1, TimeSpan.FromSeconds(30)))
            {
                throw new TimeoutException($"{Done} of {chunks - 1} other chunks were done");
            }

            Interlocked.Increment(ref _done);
        }
    }

    private sealed class FailingJob(int failing) : ParallelJob
    {
        public override void Run(int chunk, int worker)
        {
            if (chunk == failing)
            {
                throw new FormatException("failing");
            }
        }
    }
}
