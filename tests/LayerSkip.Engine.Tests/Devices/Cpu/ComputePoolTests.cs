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
        var error = Assert.Throws<InvalidOperationException>(() => pool.Run(new FailingJob(), 50));
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

    private sealed class FailingJob : ParallelJob
    {
        public override void Run(int chunk, int worker)
        {
            if (chunk == 17)
            {
                throw new FormatException("seventeen");
            }
        }
    }
}
