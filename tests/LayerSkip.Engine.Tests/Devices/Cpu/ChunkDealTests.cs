using LayerSkip.Engine.Devices.Cpu;

namespace LayerSkip.Engine.Tests.Devices.Cpu;

/// <summary>Runs of neighbours, taken from both ends, and nothing for who comes too late.</summary>
public class ChunkDealTests
{
    [Fact]
    public void A_thread_takes_its_run_in_turn_and_then_from_the_ends_of_the_others()
    {
        var deal = new ChunkDeal(3);
        var job = deal.Publish(9);
        Assert.Equal(job, deal.Current);
        Assert.Equal([3, 4, 5, -1], Enumerable.Range(0, 4).Select(_ => deal.Take(job, 1)));
        Assert.Equal([8, 7, 6, 2, 1, 0, -1], Enumerable.Range(0, 7).Select(_ => deal.TakeFromOthers(job, 1)));
        Assert.Equal(-1, deal.Take(job, 0));
        Assert.Equal(-1, deal.Take(job, 2));
    }

    [Fact]
    public void Who_still_knows_an_earlier_job_takes_nothing_of_the_next()
    {
        var deal = new ChunkDeal(2);
        var earlier = deal.Publish(2);
        Assert.Equal(0, deal.Take(earlier, 0));
        Assert.Equal(1, deal.TakeFromOthers(earlier, 0));

        var job = deal.Publish(2);
        Assert.Equal(-1, deal.Take(earlier, 1));
        Assert.Equal(-1, deal.TakeFromOthers(earlier, 1));
        Assert.Equal(1, deal.Take(job, 1));
        Assert.Equal(-1, deal.Take(earlier, 1));
        Assert.Equal(0, deal.TakeFromOthers(job, 1));
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
}
