using LayerSkip.Engine.Devices.Cpu;

namespace LayerSkip.Engine.Tests.Devices.Cpu;

/// <summary>Work is done the way that has been quicker of late.</summary>
public class QuickerWayTests
{
    [Theory]
    [InlineData(10, 30)]
    [InlineData(30, 10)]
    public void The_quicker_way_is_taken_and_the_other_tried_now_and_then(double first, double second)
    {
        var way = new QuickerWay();
        Runs(way, 200, first, second);

        // Two of 66.
        var runs = Runs(way, 660, first, second);
        Assert.Equal(20, first < second ? 660 - runs : runs);
    }

    [Fact]
    public void A_way_that_becomes_slow_is_left_for_the_other()
    {
        var way = new QuickerWay();
        Runs(way, 300, first: 10, second: 12);
        Assert.InRange(Runs(way, 200, first: 20, second: 12), 1, 40);
        Assert.Equal(20, Runs(way, 660, first: 20, second: 12));

        // What it was tried as then is no reason to stay away for ever.
        Runs(way, 200, first: 10, second: 12);
        Assert.Equal(640, Runs(way, 660, first: 10, second: 12));
    }

    /// <summary>Code is compiled when it is first run, and threads are asleep.</summary>
    [Fact]
    public void The_first_runs_of_a_way_do_not_tell_against_it()
    {
        var way = new QuickerWay();
        var (slowly, count) = (2, 0);
        for (var run = 0; run < 40; run++)
        {
            var isFirst = way.TakesFirst();
            way.Add(isFirst, !isFirst ? 12 : slowly-- > 0 ? 500 : 10);
            count += isFirst ? 1 : 0;
        }

        Assert.InRange(count, 25, 40);
    }

    [Fact]
    public void An_interruption_is_no_reason_to_change()
    {
        var way = new QuickerWay();
        Runs(way, 200, first: 10, second: 15);
        way.Add(first: true, 60);
        Assert.InRange(Runs(way, 63, first: 10, second: 15), 61, 63);
    }

    /// <summary>How many of some runs go the first way.</summary>
    private static int Runs(QuickerWay way, int runs, double first, double second)
    {
        var count = 0;
        for (var run = 0; run < runs; run++)
        {
            var isFirst = way.TakesFirst();
            way.Add(isFirst, isFirst ? first : second);
            count += isFirst ? 1 : 0;
        }

        return count;
    }
}
