using System.Diagnostics;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests;

/// <summary>A model takes its weights' memory once, while it loads and after. Runs alone, since it looks at the whole process.</summary>
[Collection(nameof(ResidentMemoryTests))]
[CollectionDefinition(nameof(ResidentMemoryTests), DisableParallelization = true)]
public class ResidentMemoryTests
{
    [Theory]
    [InlineData(TensorDataType.F32)]
    [InlineData(TensorDataType.BF16)]
    public void No_second_copy_is_resident(TensorDataType dataType)
    {
        var config = TinyCheckpoint.DefaultConfig with
        {
            VocabularySize = 32000, HiddenSize = 768, IntermediateSize = 3072, Layers = 2, AttentionHeads = 12, KeyValueHeads = 12, HeadDimension = 64,
        };
        using var checkpoint = TinyCheckpoint.Write(config, dataType);
        var before = Resident();
        using var opened = Checkpoint.Open(checkpoint.Directory);
        var loading = new Watch();
        using var model = LayerSkipModel.FromWeights("memory", opened.Config, opened.Weights, progress: loading);
        opened.Dispose();

        Assert.True(model.WeightBytes > 100_000_000);
        Assert.Equal(config.Layers, loading.Seen.Count);

        // While it loads, there is room for the largest matrix as it is before it is compressed.
        var uncompressed = (long)config.VocabularySize * config.HiddenSize * (dataType == TensorDataType.F32 ? 4 : 2);
        Assert.All(loading.Seen, seen => AssertGrown(seen, uncompressed));
        AssertGrown(Resident(), room: 0);

        void AssertGrown(long seen, long room) => Assert.True(
            seen - before <= (1.1 * model.WeightBytes) + room + 40_000_000,
            $"resident memory grew by {(seen - before) / 1e6:F0} MB for {model.WeightBytes / 1e6:F0} MB of weights");
    }

    private static long Resident()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }

    /// <summary>Looks at the memory when a layer has been loaded, with the checkpoint still open.</summary>
    private sealed class Watch : IProgress<double>
    {
        public List<long> Seen { get; } = [];

        public void Report(double value) => Seen.Add(Resident());
    }
}
