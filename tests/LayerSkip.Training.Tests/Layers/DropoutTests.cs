using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Training.Layers;

namespace LayerSkip.Training.Tests.Layers;

public class DropoutTests
{
    [Theory]
    [InlineData(0.1)]
    [InlineData(0.5)]
    public void Activations_are_dropped_at_the_rate_and_keep_their_mean(double rate)
    {
        const int rows = 200, columns = 203;
        var x = Dropped(rows, columns, new Dropout(rate, Key: 1));

        var scale = (float)(1 / (1 - rate));
        Assert.All(x, value => Assert.True(value == 0 || value == scale));
        var dropped = x.Count(value => value == 0) / (double)x.Length;
        var deviation = Math.Sqrt(rate * (1 - rate) / x.Length);
        Assert.InRange(dropped, rate - (5 * deviation), rate + (5 * deviation));
        for (var column = 0; column < columns; column++)
        {
            Assert.Contains(Enumerable.Range(0, rows), row => x[(row * columns) + column] == 0);
            Assert.Contains(Enumerable.Range(0, rows), row => x[(row * columns) + column] != 0);
        }
    }

    [Fact]
    public void Masks_are_those_of_key_and_place_whatever_the_number_of_threads_and_rows()
    {
        var dropout = new Dropout(0.5, Key: 7).At(3);
        var mask = Dropped(64, 24, dropout);

        Assert.Equal(mask, Dropped(64, 24, dropout, threads: 3));
        Assert.Equal(mask[..(5 * 24)], Dropped(5, 24, dropout));
        Assert.NotEqual(mask, Dropped(64, 24, dropout.At(0)));
        Assert.NotEqual(mask, Dropped(64, 24, new Dropout(0.5, Key: 8).At(3)));
    }

    private static float[] Dropped(int rows, int columns, Dropout dropout, int threads = 1)
    {
        using var pool = new ComputePool(threads);
        using var ones = new NativeMatrix(rows, columns);
        for (var row = 0; row < rows; row++)
        {
            ones.View.Row(row).Fill(1);
        }

        dropout.Apply(pool, ones.View);
        return ones.ToFloats();
    }
}
