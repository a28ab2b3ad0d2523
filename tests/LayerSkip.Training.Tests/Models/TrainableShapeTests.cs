using LayerSkip.Training.Models;

namespace LayerSkip.Training.Tests.Models;

public class TrainableShapeTests
{
    [Fact]
    public void Contradictions_are_refused_with_the_fields_names()
    {
        var config = Shapes.Tiny();
        Assert.Contains("hidden_size", Assert.Throws<ArgumentException>(
            () => Trainer.FromScratch(config with { HiddenSize = 0 }, new() { Steps = 1 })).Message, StringComparison.Ordinal);
        Assert.Contains("num_key_value_heads", Assert.Throws<ArgumentException>(
            () => TrainableShape.Check(config with { KeyValueHeads = 3 })).Message, StringComparison.Ordinal);
        Assert.Contains("head_dim", Assert.Throws<ArgumentException>(
            () => TrainableShape.Check(config with { HeadDimension = 5 })).Message, StringComparison.Ordinal);
        Assert.Contains("attention_bias", Assert.Throws<NotSupportedException>(
            () => TrainableShape.Check(config with { AttentionBias = true })).Message, StringComparison.Ordinal);
        TrainableShape.Check(config);
    }
}
