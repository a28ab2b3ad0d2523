using LayerSkip.Cli.Measurement;

namespace LayerSkip.Cli.Tests.Measurement;

public class PercentilesTests
{
    [Fact]
    public void Percentile_is_the_smallest_value_that_enough_do_not_exceed()
    {
        Assert.Equal(new Percentiles(7, 7, 7), Percentiles.Of([7]));
        Assert.Equal(new Percentiles(1, 2, 2), Percentiles.Of([2, 1]));
        Assert.Equal(new Percentiles(50, 90, 99), Percentiles.Of(Enumerable.Range(1, 100).Reverse().Select(value => (double)value)));
    }
}
