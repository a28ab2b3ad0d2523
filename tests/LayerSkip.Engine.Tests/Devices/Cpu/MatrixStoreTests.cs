using System.Runtime.InteropServices;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Devices.Cpu;

public class MatrixStoreTests
{
    private static readonly ModelConfig s_config = TinyCheckpoint.DefaultConfig with
    {
        VocabularySize = 16_500, HiddenSize = 512, IntermediateSize = 2048, Layers = 6, AttentionHeads = 8, KeyValueHeads = 8, HeadDimension = 64, TiedEmbeddings = true,
    };

    [Theory]
    [InlineData(WeightFormat.Auto, 2)]
    [InlineData(WeightFormat.F32, 4)]
    public void A_matrix_that_compression_hardly_makes_smaller_stays_as_it_is_unless_it_must_not(WeightFormat format, int bytes)
    {
        var matrices = LlamaTensors.Of(s_config).Where(tensor => tensor.Role == TensorRole.Matrix).Sum(tensor => tensor.Shape[0] * tensor.Shape[1]);
        Assert.InRange(matrices, 32 << 20, 40 << 20);

        // Layers of any bits, and an embedding of numbers of one magnitude, which is the head.
        using var source = new MixedSource(s_config);
        using var where = CpuModel.Load(s_config, source, format, 2, SimdPaths.Choose());
        var head = 16_512L * 512; // whole panels
        Assert.Equal(bytes * (matrices - (16_500 * 512)), where.BytesRead(0, s_config.Layers, head: false));
        Assert.InRange(where.BytesRead(0, 0, head: true) / (double)head, bytes - 0.5, bytes - 0.45);
        Assert.Equal(where.BytesRead(0, s_config.Layers, head: true), where.WeightBytes);

        using var always = CpuModel.Load(s_config, source, format, 2, SimdPaths.Choose(), compression: WeightCompression.Always);
        Assert.InRange(always.BytesRead(0, s_config.Layers, head: false), where.BytesRead(0, s_config.Layers, head: false), long.MaxValue);
        Assert.Equal(where.BytesRead(0, 0, head: true), always.BytesRead(0, 0, head: true));
    }

    [Fact]
    public void What_fails_in_the_middle_of_loading_is_told_and_the_next_loads()
    {
        using var source = new MixedSource(s_config) { FailsAt = "model.layers.3.mlp.up_proj.weight" };
        var error = Assert.Throws<CheckpointException>(() => CpuModel.Load(s_config, source, WeightFormat.Auto, 2, SimdPaths.Choose()));
        Assert.Equal("cannot be read", error.Message);

        source.FailsAt = null;
        using var model = CpuModel.Load(s_config, source, WeightFormat.Auto, 2, SimdPaths.Choose());
        Assert.True(model.WeightBytes > 0);
    }

    [Theory]
    [InlineData(WeightFormat.Auto)]
    [InlineData(WeightFormat.F32)]
    public void Padding_of_a_matrix_is_not_what_another_left(WeightFormat format)
    {
        // Of one output the other 31 columns of the panel are padding; the matrix before is of any bits.
        var config = s_config with { VocabularySize = 1, Layers = 1, TiedEmbeddings = false };
        using var source = new MixedSource(config);
        using var model = CpuModel.Load(config, source, format, 1, SimdPaths.Choose(), compression: WeightCompression.Always);
        using var alone = CpuModel.Load(config with { IntermediateSize = 1 }, source, format, 1, SimdPaths.Choose(), compression: WeightCompression.Always);
        Assert.Equal(alone.BytesRead(0, 0, head: true), model.BytesRead(0, 0, head: true));
    }

    /// <summary>Any bits in the layers, one magnitude elsewhere.</summary>
    private sealed class MixedSource(ModelConfig config) : WeightSource
    {
        public string? FailsAt { get; set; }

        public override bool Contains(string name) => LlamaTensors.Of(config).Any(tensor => tensor.Name == name);

        public override WeightTensor GetTensor(string name, params ReadOnlySpan<long> shape) => new MixedTensor(name, shape.ToArray(), name == FailsAt);

        public override void Dispose()
        {
        }
    }

    private sealed class MixedTensor(string name, long[] shape, bool fails) : WeightTensor
    {
        public override string Name => name;

        public override TensorDataType DataType => TensorDataType.BF16;

        public override IReadOnlyList<long> Shape => shape;

        public override void ReadRow(int row, Span<float> destination)
        {
            if (fails)
            {
                throw new CheckpointException("cannot be read");
            }

            var random = new Random(row);
            if (name.Contains("layers", StringComparison.Ordinal) && shape.Length == 2)
            {
                random.NextBytes(MemoryMarshal.AsBytes(destination));
                foreach (ref var bits in MemoryMarshal.Cast<float, uint>(destination))
                {
                    bits &= 0xbfff0000; // finite
                }

                return;
            }

            foreach (ref var weight in destination)
            {
                weight = BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(random.NextSingle() + 0.1f) & 0xffff0000);
            }
        }
    }
}
