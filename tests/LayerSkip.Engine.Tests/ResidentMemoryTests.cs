using System.Diagnostics;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests;

/// <summary>A loaded model takes its weights' memory once. Runs alone, since it looks at the whole process.</summary>
[Collection(nameof(ResidentMemoryTests))]
[CollectionDefinition(nameof(ResidentMemoryTests), DisableParallelization = true)]
public class ResidentMemoryTests
{
    [Theory]
    [InlineData(TensorDataType.F32)]
    [InlineData(TensorDataType.BF16)]
    public void After_loading_no_second_copy_is_resident(TensorDataType dataType)
    {
        var config = TinyCheckpoint.DefaultConfig with
        {
            VocabularySize = 32000, HiddenSize = 768, IntermediateSize = 3072, Layers = 2, AttentionHeads = 12, KeyValueHeads = 12, HeadDimension = 64,
        };
        using var checkpoint = TinyCheckpoint.Write(config, dataType);
        var before = Resident();
        using var opened = Checkpoint.Open(checkpoint.Directory);
        using var model = LayerSkipModel.FromWeights("memory", opened.Config, opened.Weights);
        opened.Dispose();
        var grown = Resident() - before;

        Assert.True(model.WeightBytes > 100_000_000);
        Assert.True(
            grown <= (1.1 * model.WeightBytes) + 60_000_000,
            $"resident memory grew by {grown / 1e6:F0} MB for {model.WeightBytes / 1e6:F0} MB of weights");
    }

    private static long Resident()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }
}
