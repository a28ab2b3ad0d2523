using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Tests.Checkpoints;
using LayerSkip.Engine.Tests.Scheduling;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests;

/// <summary>Models of the published checkpoints' kinds decode, drafts by their own defaults among them.</summary>
public class PublishedModelTests
{
    [Theory]
    [MemberData(nameof(PublishedConfigs.Names), MemberType = typeof(PublishedConfigs))]
    public void Published_LayerSkip_configurations_decode_with_few_layers_and_narrow_weights(string name)
    {
        // Everything that makes the checkpoint what it is, but for the widths: heads, groups, rotary base and scaling, tied or untied head, shards.
        var (full, narrowed) = (PublishedConfigs.All[name].Config, TestedDevice.Many(16, few: 32));
        var config = full with
        {
            Layers = 3,
            HiddenSize = full.HiddenSize / narrowed,
            IntermediateSize = full.IntermediateSize / narrowed,
            HeadDimension = full.HeadDimension / narrowed,
            VocabularySize = full.VocabularySize / narrowed,
            MaxPositions = 512,
        };
        using var checkpoint = TinyCheckpoint.Write(config, TensorDataType.BF16, shards: 3, generation: new() { ExitLayer = 1, NumSpeculations = 3 });
        using var opened = Checkpoint.Open(checkpoint.Directory);
        using var model = LayerSkipModel.FromWeights(name, opened.Config, opened.Weights, opened.Generation, TestedDevice.Options(2));
        var prompt = Enumerable.Range(0, 40).Select(i => i * 31 % model.Config.VocabularySize).ToArray();
        var expected = Requests.Alone(model, prompt, Models.Autoregressive(12));
        Assert.Equal(12, expected.Length);
        Assert.Equal(expected, Requests.Alone(model, prompt, new() { MaxNewTokens = 12 }));
    }
}
