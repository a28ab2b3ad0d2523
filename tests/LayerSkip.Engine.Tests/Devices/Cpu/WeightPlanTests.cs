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

    [Theory]
    [InlineData(WeightFormat.Auto, WeightFormat.BF16, 12)]
    [InlineData(WeightFormat.BF16, WeightFormat.BF16, 12)]
    [InlineData(WeightFormat.F32, WeightFormat.F32, 28)]
    public void Large_models_are_compressed_but_for_what_is_small_or_only_looked_up(WeightFormat asked, WeightFormat format, int bits)
    {
        var plan = Plan(s_large, asked);
        Assert.All(plan.Layers, layer => Assert.IsAssignableFrom<CompressedKernel>(layer.Down.Kernel));
        Assert.All(plan.Layers, layer => Assert.Equal(s_large.HiddenSize * s_large.HiddenSize >= 262_144, layer.Output.IsCompressed));
        Assert.IsAssignableFrom<CompressedKernel>(plan.Head.Kernel);
        Assert.IsNotAssignableFrom<CompressedKernel>(plan.Embedding.Kernel);
        Assert.Equal(format, plan.Format);
        Assert.All(plan.Matrices, matrix => Assert.Equal(format, matrix.Kernel.Format));

        // In whole panels, each with a header of 64 bytes; a plain group has its number beside.
        var down = plan.Layers[0].Down;
        var panels = s_large.HiddenSize / 32;
        var plain = (long)s_large.HiddenSize * s_large.IntermediateSize * (bits + 4) / 8;
        Assert.Equal(plain, down.Bytes);
        Assert.Equal((panels * 64) + (plain * bits / (bits + 4)), down.LeastBytes);
        Assert.InRange(down.MostBytes, plain + 1, plain + (panels * (128 + s_large.IntermediateSize)));
    }

    [Theory]
    [InlineData(WeightFormat.Int8, WeightCompression.Always)]
    [InlineData(WeightFormat.Int4, WeightCompression.Always)]
    [InlineData(WeightFormat.F32, WeightCompression.Never)]
    [InlineData(WeightFormat.BF16, WeightCompression.Never)]
    public void Nothing_else_is(WeightFormat format, WeightCompression compression) =>
        Assert.All(Plan(s_large, format, compression).Matrices, matrix => Assert.IsNotAssignableFrom<CompressedKernel>(matrix.Kernel));

    [Theory]
    [InlineData(WeightFormat.F32)]
    [InlineData(WeightFormat.BF16)]
    public void Small_models_stay_as_they_are_unless_asked_for(WeightFormat format)
    {
        var small = s_large with { VocabularySize = 2000 };
        Assert.All(Plan(small, format).Matrices, matrix => Assert.False(matrix.IsCompressed));
        Assert.All(Plan(small, format, WeightCompression.Always).Layers, layer => Assert.True(layer.Qkv.IsCompressed));
    }

    private static WeightPlan Plan(ModelConfig config, WeightFormat format, WeightCompression compression = WeightCompression.Auto)
    {
        using var weights = new RandomWeightSource(config, 1, TensorDataType.BF16);
        return new WeightPlan(config, weights, format, FinerWeights.None, SimdPaths.Choose(), compression);
    }
}
