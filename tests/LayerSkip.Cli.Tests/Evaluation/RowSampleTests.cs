using LayerSkip.Cli.Evaluation;

namespace LayerSkip.Cli.Tests.Evaluation;

public class RowSampleTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(10, 3)]
    [InlineData(10, 9)]
    [InlineData(17_160, 200)]
    public void Rows_are_distinct_and_evenly_spread(int rows, int count)
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var sample = RowSample.Spread(rows, count, seed);

            Assert.Equal(sample, RowSample.Spread(rows, count, seed));
            Assert.Equal(count, sample.Length);
            for (var i = 0; i < count; i++)
            {
                Assert.InRange(sample[i], (long)i * rows / count, (((i + 1L) * rows) - 1) / count);
                Assert.True(i == 0 || sample[i] > sample[i - 1]);
            }
        }
    }

    [Theory]
    [InlineData(5, 5)]
    [InlineData(5, 6)]
    [InlineData(5, 0)]
    public void All_rows_or_none(int rows, int count) =>
        Assert.Equal(count == 0 ? [] : [0, 1, 2, 3, 4], RowSample.Spread(rows, count, seed: 1));
}
