using LayerSkip.Engine.Checkpoints;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Checkpoints;

public class RandomWeightSourceTests
{
    private static readonly ModelConfig Config = TinyCheckpoint.DefaultConfig with { VocabularySize = 4000, HiddenSize = 256 };

    [Fact]
    public void Rows_are_close_to_normal_with_the_deviation_of_the_fan_in()
    {
        using var weights = new RandomWeightSource(Config, 1, TensorDataType.F32);
        var values = ReadAll(weights.GetTensor("model.embed_tokens.weight", 4000, 256)).Select(value => value * Math.Sqrt(256)).ToArray();
        var variance = values.Average(value => value * value);
        Assert.InRange(values.Average(), -0.01, 0.01);
        Assert.InRange(variance, 0.99, 1.01);
        Assert.InRange(values.Average(value => Math.Pow(value, 4)) / (variance * variance), 2.6, 3.0);
        Assert.InRange(values.Zip(values.Skip(1), (one, next) => one * next).Average(), -0.01, 0.01);
    }

    [Fact]
    public void Norms_are_near_one() => Assert.All(
        ReadAll(new RandomWeightSource(Config, 1).GetTensor("model.norm.weight", 256)), value => Assert.InRange(value, 0.7f, 1.3f));

    [Fact]
    public void Values_depend_on_seed_name_and_row_alone()
    {
        var row = ReadRow(1, "model.layers.0.mlp.gate_proj.weight", 3);
        Assert.Equal(row, ReadRow(1, "model.layers.0.mlp.gate_proj.weight", 3));
        Assert.NotEqual(row, ReadRow(2, "model.layers.0.mlp.gate_proj.weight", 3));
        Assert.NotEqual(row, ReadRow(1, "model.layers.0.mlp.up_proj.weight", 3));
        Assert.NotEqual(row, ReadRow(1, "model.layers.0.mlp.gate_proj.weight", 4));
    }

    [Fact]
    public void Values_stay_the_same_from_release_to_release() => Assert.Equal(
        Golden, ReadRow(1, "model.layers.0.mlp.gate_proj.weight", 3)[..4].Select(BitConverter.SingleToUInt32Bits));

    [Fact]
    public void Values_are_what_the_declared_type_can_hold()
    {
        using var weights = new RandomWeightSource(Config, 1);
        var tensor = weights.GetTensor("model.norm.weight", 256);
        Assert.Equal(TensorDataType.BF16, tensor.DataType);
        Assert.All(ReadAll(tensor), value => Assert.Equal(0u, BitConverter.SingleToUInt32Bits(value) & 0xffff));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public void Exits_that_are_none_are_refused(int exitLayer)
    {
        new RandomWeightSource(Config with { Layers = 1 }, 1).Dispose();
        Assert.Throws<ArgumentOutOfRangeException>(() => new RandomWeightSource(Config with { Layers = 4 }, 1, exitLayer: exitLayer));
    }

    [Fact]
    public void Unknown_tensors_other_shapes_and_bad_rows_are_refused()
    {
        using var weights = new RandomWeightSource(Config, 1);
        Assert.False(weights.Contains("model.layers.4.input_layernorm.weight"));
        Assert.Throws<CheckpointException>(() => weights.GetTensor("model.layers.4.input_layernorm.weight", 256));
        Assert.Throws<CheckpointException>(() => weights.GetTensor("model.norm.weight", 255));
        var tensor = weights.GetTensor("model.norm.weight", 256);
        Assert.Throws<ArgumentOutOfRangeException>(() => tensor.ReadRow(1, new float[256]));
        Assert.Throws<ArgumentOutOfRangeException>(() => tensor.ReadRow(-1, new float[256]));
        Assert.Throws<ArgumentException>(() => tensor.ReadRow(0, new float[255]));
    }

    /// <summary>Calculated by an independent implementation of the documented generator.</summary>
    private static uint[] Golden => [0xbb0d2989, 0x3d81d614, 0x3cefc0ff, 0x3d7aac88];

    private static float[] ReadRow(ulong seed, string name, int row)
    {
        using var weights = new RandomWeightSource(Config, seed, TensorDataType.F32);
        var destination = new float[256];
        weights.GetTensor(name, 80, 256).ReadRow(row, destination);
        return destination;
    }

    private static List<float> ReadAll(WeightTensor tensor)
    {
        var values = new List<float>();
        var row = new float[tensor.Columns];
        for (var i = 0; i < tensor.Rows; i++)
        {
            tensor.ReadRow(i, row);
            values.AddRange(row);
        }

        return values;
    }
}
