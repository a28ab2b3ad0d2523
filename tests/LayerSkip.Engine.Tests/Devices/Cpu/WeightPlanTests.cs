using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Engine.Devices.Cpu.Kernels;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Devices.Cpu;

public class WeightPlanTests
{
    private static readonly ModelConfig s_large = TinyCheckpoint.DefaultConfig with
    {
        VocabularySize = 30_000, HiddenSize = 640, IntermediateSize = 2560, Layers = 4, AttentionHeads = 10, KeyValueHeads = 2, HeadDimension = 64, TiedEmbeddings = false,
    };

    [Fact]
    public void Large_bf16_models_are_compressed_but_for_what_is_small_or_only_looked_up()
    {
        var plan = Plan(s_large, WeightFormat.Auto);
        Assert.All(plan.Layers, layer => Assert.IsAssignableFrom<CompressedKernel>(layer.Down.Kernel));
        Assert.IsAssignableFrom<CompressedKernel>(plan.Head.Kernel);
        Assert.IsNotAssignableFrom<CompressedKernel>(plan.Embedding.Kernel);
        Assert.Equal(WeightFormat.BF16, plan.Format);
        Assert.InRange(plan.Layers.Sum(layer => layer.Down.LeastBytes), 0, plan.Layers.Sum(layer => layer.Down.Bytes) * 4 / 5);
    }

    [Theory]
    [InlineData(WeightFormat.F32, WeightCompression.Always)]
    [InlineData(WeightFormat.Int8, WeightCompression.Always)]
    [InlineData(WeightFormat.BF16, WeightCompression.Never)]
    public void Nothing_else_is(WeightFormat format, WeightCompression compression) =>
        Assert.All(Plan(s_large, format, compression).Matrices, matrix => Assert.IsNotAssignableFrom<CompressedKernel>(matrix.Kernel));

    [Fact]
    public void Small_models_stay_as_they_are_unless_asked_for()
    {
        var small = s_large with { VocabularySize = 2000 };
        Assert.All(Plan(small, WeightFormat.BF16).Matrices, matrix => Assert.False(matrix.IsCompressed));
        Assert.All(Plan(small, WeightFormat.BF16, WeightCompression.Always).Layers, layer => Assert.True(layer.Qkv.IsCompressed));
    }

    private static WeightPlan Plan(ModelConfig config, WeightFormat format, WeightCompression compression = WeightCompression.Auto)
    {
        using var weights = new RandomWeightSource(config, 1, TensorDataType.BF16);
        return new WeightPlan(config, weights, format, FinerWeights.None, SimdPaths.Choose(), compression);
    }
}
