using LayerSkip.Cli.Measurement;

namespace LayerSkip.Cli.Tests.Measurement;

public class MeasurementTests
{
    [Theory]
    [InlineData(new double[] { 3 }, 3, 3, 3)]
    [InlineData(new double[] { 3, 1, 2 }, 2, 1, 3)]
    [InlineData(new double[] { 4, 1, 2, 3 }, 2.5, 1, 4)]
    public void Spread_is_median_and_range(double[] values, double median, double min, double max) =>
        Assert.Equal(new Spread(median, min, max), Spread.Of(values));

    [Fact]
    public void Runs_without_a_value_leave_those_of_the_others()
    {
        Assert.Equal(new Spread(2, 1, 3), Spread.OfMeasured([null, 3, 1, null]));
        Assert.Null(Spread.OfMeasured([null, null]));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Limits_are_positive_and_finite(int threads)
    {
        using var memory = new ReadBandwidth(1 << 20, threads);

        Assert.InRange(memory.Measure(), 1e6, 1e13);
        Assert.InRange(FmaPeak.Measure(threads), 1e6, 1e15);
    }

    [Fact]
    public void Bandwidth_needs_memory_for_every_thread() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new ReadBandwidth(4096, 2));

    [Fact]
    public void Team_runs_the_work_once_on_each_thread()
    {
        var runs = new int[4];

        var seconds = ThreadTeam.Time(4, thread => Interlocked.Increment(ref runs[thread]));

        Assert.Equal([1, 1, 1, 1], runs);
        Assert.True(seconds >= 0);
    }
}
