using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Devices.Cpu;

/// <summary>Threads that each run rows of their own give every row the bits that one thread gives it alone.</summary>
public class RowSetPassTests
{
    /// <summary>After so many runs of some rows, either way has been used (<see cref="QuickerWay"/>).</summary>
    private const int BothWays = 4;

    [Fact]
    public void Rows_have_the_bits_that_they_have_alone()
    {
        var random = new Random(71);
        WeightFormat[] formats = [WeightFormat.F32, WeightFormat.BF16, WeightFormat.Int8, WeightFormat.Int4];
        for (var round = 0; round < 24; round++)
        {
            var config = Models.RandomConfig(random);
            var format = formats[round % 4];
            using var alone = Models.RandomOnCpu(config, (ulong)round, format);
            using var shared = Models.RandomOnCpu(config, (ulong)round, format, threads: 2 + (round % 3));

            // Of two threads now and then more than a set of 64 each.
            var count = random.Next(8, 160);
            int[] tokens = [.. Enumerable.Range(0, count).Select(_ => random.Next(config.VocabularySize))];
            var expected = RowByRow(alone, tokens);
            for (var run = 0; run < BothWays; run++)
            {
                Assert.Equal(expected, AtOnce(shared, tokens, round % 2 == 0 ? count : count / 2));
            }
        }
    }

    /// <summary>What nobody reads afterwards is left out of the last layer, but for its keys and values.</summary>
    [Theory]
    [InlineData(40, 0)]
    [InlineData(40, 19)]
    [InlineData(40, 39)]
    [InlineData(40, 40)]
    [InlineData(129, 1)] // more sets of all rows than of those that are read
    [InlineData(150, 20)]
    public void Rows_that_nobody_reads_leave_their_keys_and_values(int count, int unread)
    {
        var config = TinyCheckpoint.DefaultConfig with { MaxPositions = 200 };
        using var model = Models.RandomOnCpu(config, threads: 2);
        int[] tokens = [.. Enumerable.Range(0, count).Select(i => 3 * i % config.VocabularySize)];
        var expected = Run(model, tokens, unread: 0);
        for (var run = 0; run < BothWays; run++)
        {
            var actual = Run(model, tokens, unread);
            Assert.Equal(expected.Entries, actual.Entries);
            Assert.Equal(expected.States[(unread * config.HiddenSize)..], actual.States[(unread * config.HiddenSize)..]);
        }
    }

    [Fact]
    public void A_cancelled_pass_ends_between_layers_and_the_next_is_whole()
    {
        var config = TinyCheckpoint.DefaultConfig;
        using var model = Models.RandomOnCpu(config, threads: 2);
        int[] tokens = [.. Enumerable.Range(0, 40).Select(i => 3 * i % config.VocabularySize)];
        var expected = Run(model, tokens, unread: 0);
        using var cache = model.CreateCache();
        using var rows = model.CreateRows(40);
        rows.Place(0, 40, cache, 0);
        model.Embed(rows, 0, tokens);
        for (var run = 0; run < BothWays; run++)
        {
            Assert.Throws<OperationCanceledException>(() => model.RunLayers(rows, 0, 40, 0, config.Layers, new CancellationToken(canceled: true)));
            var actual = Run(model, tokens, unread: 0);
            Assert.Equal(expected.Entries, actual.Entries);
            Assert.Equal(expected.States, actual.States);
        }
    }

    private static (List<float> Entries, float[] States) Run(CpuModel model, int[] tokens, int unread)
    {
        using var cache = model.CreateCache();
        using var rows = model.CreateRows(tokens.Length);
        rows.Place(0, tokens.Length, cache, 0);
        model.Embed(rows, 0, tokens);
        model.RunFinalLayers(rows, 0, tokens.Length, 0, model.Config.Layers, unread, TestContext.Current.CancellationToken);
        var states = new float[tokens.Length * model.Config.HiddenSize];
        model.Normalize(rows, 0, tokens.Length, states);
        return (TestedDevice.Entries(model, cache, tokens.Length), states);
    }

    private static float[] RowByRow(CpuModel model, int[] tokens)
    {
        using var cache = model.CreateCache();
        using var rows = model.CreateRows(1);
        var states = new float[tokens.Length * model.Config.HiddenSize];
        for (var i = 0; i < tokens.Length; i++)
        {
            rows.Place(0, 1, cache, i);
            model.Embed(rows, 0, tokens.AsSpan(i, 1));
            model.RunLayers(rows, 0, 1, 0, model.Config.Layers);
            model.Normalize(rows, 0, 1, states.AsSpan(i * model.Config.HiddenSize, model.Config.HiddenSize));
        }

        return states;
    }

    /// <summary>In one pass, or in two, the second behind the first.</summary>
    private static float[] AtOnce(CpuModel model, int[] tokens, int first)
    {
        using var cache = model.CreateCache();
        using var rows = model.CreateRows(tokens.Length);
        rows.Place(0, tokens.Length, cache, 0);
        model.Embed(rows, 0, tokens);
        model.RunLayers(rows, 0, first, 0, model.Config.Layers);
        if (first < tokens.Length)
        {
            model.RunLayers(rows, first, tokens.Length - first, 0, model.Config.Layers);
        }

        var states = new float[tokens.Length * model.Config.HiddenSize];
        model.Normalize(rows, 0, tokens.Length, states);
        return states;
    }
}
