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

    [Fact]
    public void A_copy_goes_on_from_what_is_there_already()
    {
        using var model = Models.Random(TinyCheckpoint.DefaultConfig with { MaxPositions = 300 });
        int[] prompt = [.. Enumerable.Range(0, 200).Select(static i => i * 7 % 97)];
        using var further = model.Decode(prompt, Models.Autoregressive(1));

        // An early exit from a cache of all layers: those above its own keep what they had.
        using var cache = model.CreateCache();
        cache.CopyFrom(further.Cache, 4, 70);
        cache.Continue(2, 50);
        cache.CopyFrom(further.Cache, 2, 90);
        Assert.Equal((90, 50), (cache.ValidLength(2), cache.ValidLength(4)));
        Assert.Throws<ArgumentOutOfRangeException>(() => cache.CopyFrom(further.Cache, 2, 89));
        Assert.Throws<ArgumentOutOfRangeException>(() => cache.CopyFrom(further.Cache, 3, 100));

        // Back at full depth.
        cache.Continue(4, 50);
        cache.CopyFrom(further.Cache, 4, 200);
        Assert.Equal(TestedDevice.Entries(model, further.Cache, 200), TestedDevice.Entries(model, cache, 200));
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
