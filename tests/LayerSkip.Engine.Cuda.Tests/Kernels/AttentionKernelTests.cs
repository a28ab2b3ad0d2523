using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Cuda.Verification;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Cuda.Tests.Kernels;

/// <summary>Rotary embedding, the cache's pages, and attention over them against double arithmetic.</summary>
public class AttentionKernelTests
{
    [Fact]
    public void Rotary_angles_are_the_CPU_devices_to_the_last_bit()
    {
        var config = new ModelConfig
        {
            VocabularySize = 1, HiddenSize = 64, IntermediateSize = 1, Layers = 1, AttentionHeads = 1, KeyValueHeads = 1, HeadDimension = 64, MaxPositions = 1 << 20,
            RopeTheta = 500000, RopeScaling = new(RopeScalingKind.Llama3, 8, 1, 4, 8192),
        };
        var @case = new RotaryAnglesCase(Rope.Frequencies(config), [0, 1, 2, 3, 100, 1023, 4097, 65535, 131071, 1 << 20]);
        Assert.Equal(0, @case.Compare(KernelBenches.AssertRight(@case)).Error);
    }

    [Theory]
    [InlineData(1, 1, 2, 40)]
    [InlineData(4, 2, 6, 100)]
    [InlineData(3, 3, 32, 130)]
    [InlineData(9, 1, 48, 65)]
    [InlineData(20, 1, 64, 33)] // more query heads than a block takes
    [InlineData(8, 2, 64, 2048)]
    [InlineData(4, 2, 100, 300)]
    [InlineData(2, 1, 128, 500)]
    [InlineData(2, 2, 130, 70)]
    [InlineData(10, 1, 256, 200)]
    public void Attention_over_the_cache_is_right_and_the_same_split_in_tiles_and_alone(int heads, int kvHeads, int headDim, int context)
    {
        var caches = new RandomCaches(heads, kvHeads, headDim, context, new Random(heads + headDim));
        KernelBenches.AssertRight(new RopeAppendCase(caches));
        var (split, tiles) = (new AttentionCase(caches, tiles: false), new AttentionCase(caches, tiles: true));
        KernelBenches.AssertRight(split);
        KernelBenches.AssertRight(tiles);
        var attended = KernelBenches.InBothOrders(bench => split.Attend(bench, caches.Rows));
        Assert.Null(split.CompareMeans(attended).Problem);
        using var bench = KernelBenches.Open();
        Assert.Equal(attended, tiles.Attend(bench, caches.Rows));

        var width = heads * headDim;
        foreach (var alone in new[] { 0, caches.Rows.Length / 2, caches.Rows.Length - 1 })
        {
            Assert.Equal(attended[(alone * width)..((alone + 1) * width)], (alone % 2 == 0 ? tiles : split).Attend(bench, [caches.Rows[alone]]));
        }
    }

    [Fact]
    public void Spans_are_merged_by_their_weights()
    {
        var random = new Random(5);
        foreach (var (rows, heads, headDim, spans) in new[] { (1, 1, 2, 1), (3, 4, 64, 33), (17, 2, 90, 5), (2, 3, 256, 2) })
        {
            KernelBenches.AssertRight(new AttentionMergeCase(rows, heads, headDim, spans, random));
        }
    }
}
