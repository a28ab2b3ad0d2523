using LayerSkip.Engine.Devices;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Devices;

/// <summary>A cache knows how far each layer's entries are valid, whatever sequences went through it.</summary>
public class KvCacheTests
{
    [Fact]
    public void Valid_lengths_are_those_of_a_count_for_each_layer()
    {
        using var model = Models.Random(TinyCheckpoint.DefaultConfig);
        var random = new Random(7);
        for (var round = 0; round < 200; round++)
        {
            using var cache = model.CreateCache();
            using var other = model.CreateCache();
            var (valid, others) = (new int[4], new int[4]);
            for (var step = 0; step < 8; step++)
            {
                Sequence(random, cache, valid);
                Sequence(random, other, others);
                for (var depth = 1; depth <= 4; depth++)
                {
                    Assert.Equal(valid[depth - 1], cache.ValidLength(depth));
                }

                Assert.Equal(valid.Zip(others).All(static pair => pair.First >= pair.Second), cache.Covers(other));
                Assert.Throws<ArgumentOutOfRangeException>(() => cache.Continue(4, valid[3] + 1));
            }
        }
    }

    [Fact]
    public void Copies_hold_the_layers_and_positions_asked_for()
    {
        using var model = Models.Random(TinyCheckpoint.DefaultConfig);
        using var source = model.CreateCache();
        source.Continue(3, 0);
        source.Reserve(70);
        source.Length = 70;
        using var copy = model.CreateCache();
        copy.CopyFrom(source, 2, 40);
        Assert.Equal((40, 0, model.KvBytesOf(40)), (copy.ValidLength(2), copy.ValidLength(3), copy.Bytes));
        using var empty = model.CreateCache();
        Assert.Throws<ArgumentOutOfRangeException>(() => empty.CopyFrom(source, 4, 40));
        Assert.Throws<ArgumentOutOfRangeException>(() => empty.CopyFrom(source, 3, 71));
        source.Dispose();
        Assert.Throws<ObjectDisposedException>(() => empty.CopyFrom(source, 3, 40));
    }

    /// <summary>A sequence of some depth goes on from some of what is there, and runs some positions.</summary>
    private static void Sequence(Random random, KvCache cache, int[] valid)
    {
        var depth = random.Next(1, 5);
        var kept = random.Next(valid[depth - 1] + 1);
        var length = random.Next(kept, 100);
        cache.Continue(depth, kept);
        cache.Reserve(length);
        cache.Length = length;
        for (var layer = 0; layer < 4; layer++)
        {
            valid[layer] = layer < depth ? length : Math.Min(valid[layer], kept);
        }
    }
}
