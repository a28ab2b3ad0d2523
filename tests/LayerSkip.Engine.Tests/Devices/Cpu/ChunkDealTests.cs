using LayerSkip.Engine.Devices.Cpu;

namespace LayerSkip.Engine.Tests.Devices.Cpu;

/// <summary>Runs of neighbours, taken from both ends, and nothing for who comes too late.</summary>
public class ChunkDealTests
{
    [Fact]
    public void A_thread_takes_its_run_in_turn_and_then_from_the_ends_of_the_others()
    {
        var deal = new ChunkDeal(3);
        var job = deal.Publish(2);
        Assert.Equal(job, deal.Current);
        Assert.Equal(2, ChunkDeal.Phases(job));
        foreach (var phase in (long[])[ChunkDeal.Phase(job, 0, 9), ChunkDeal.Phase(job, 1, 9)])
        {
            Assert.Equal([3, 4, 5, -1], Enumerable.Range(0, 4).Select(_ => deal.Take(phase, 1)));
            Assert.Equal([8, 7, 6, 2, 1, 0, -1], Enumerable.Range(0, 7).Select(_ => deal.TakeFromOthers(phase, 1)));
            Assert.Equal(-1, deal.Take(phase, 0));
            Assert.Equal(-1, deal.Take(phase, 2));
        }

        deal.Close();
        Assert.NotEqual(job, deal.Current);
        Assert.Equal(0, ChunkDeal.Phases(deal.Current));
    }

    [Fact]
    public void Who_is_still_in_an_earlier_phase_takes_nothing_of_the_next()
    {
        var deal = new ChunkDeal(2);
        var job = deal.Publish(2);
        long earlier = ChunkDeal.Phase(job, 0, 2), later = ChunkDeal.Phase(job, 1, 2), next = ChunkDeal.Phase(deal.Publish(1), 0, 2);
        Assert.Equal(0, deal.Take(earlier, 0));
        Assert.Equal(1, deal.TakeFromOthers(earlier, 0));
        foreach (var phase in (long[])[later, next])
        {
            Assert.Equal(-1, deal.Take(earlier, 1));
            Assert.Equal(-1, deal.TakeFromOthers(earlier, 1));
            Assert.Equal(1, deal.Take(phase, 1));
            Assert.Equal(-1, deal.Take(earlier, 1));
            Assert.Equal(0, deal.TakeFromOthers(phase, 1));
        }
    }

    [Theory]
    [InlineData(1, 4)]
    [InlineData(7, 3)]
    [InlineData(1000, 64)]
    public void Every_chunk_belongs_to_one_run(int chunks, int threads)
    {
        var starts = Enumerable.Range(0, threads + 1).Select(worker => ChunkDeal.Start(chunks, worker, threads)).ToArray();
        Assert.Equal(0, starts[0]);
        Assert.Equal(chunks, starts[^1]);
        Assert.Equal(starts.Order(), starts);
    }

    [Fact]
    public void A_run_that_was_empty_for_as_long_as_numbers_last_is_dealt_again()
    {
        // Of one chunk, two of the three threads get none, job after job; numbers have 24 bits.
        var deal = new ChunkDeal(threads: 3);
        for (var jobs = 0; jobs < (1 << 23) + 100; jobs++)
        {
            Assert.Equal(0, deal.Take(ChunkDeal.Phase(deal.Publish(1), 0, 1), worker: 2));
        }

        var phase = ChunkDeal.Phase(deal.Publish(1), 0, 30);

        Assert.Equal(Enumerable.Range(0, 10), Enumerable.Range(0, 10).Select(_ => deal.Take(phase, worker: 0)));
        Assert.Equal(Enumerable.Range(10, 10), Enumerable.Range(0, 10).Select(_ => deal.Take(phase, worker: 1)));
    }
}
