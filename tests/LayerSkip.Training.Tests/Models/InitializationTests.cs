using LayerSkip.Training.Models;

namespace LayerSkip.Training.Tests.Models;

public class InitializationTests
{
    [Fact]
    public void Matrices_have_the_deviation_asked_for_and_residual_writers_less()
    {
        var config = Shapes.Learner(layers: 8) with { HiddenSize = 128, IntermediateSize = 256 };
        using var parameters = new LlamaParameters(config);
        Initialization.Fill(parameters, config, 0.02, seed: 1, depth: config.Layers);
        Assert.Equal(0.02, Deviation(parameters, "model.embed_tokens.weight"), 0.001);
        Assert.Equal(0.02, Deviation(parameters, "model.layers.3.mlp.up_proj.weight"), 0.001);
        Assert.Equal(0.02 / 4, Deviation(parameters, "model.layers.3.mlp.down_proj.weight"), 0.0003);
        Assert.Equal(0.02 / 4, Deviation(parameters, "model.layers.7.self_attn.o_proj.weight"), 0.0003);
        Assert.All(parameters.View("model.norm.weight").Row(0).ToArray(), value => Assert.Equal(1, value));
    }

    [Fact]
    public void A_seed_gives_the_same_weights_and_another_seed_others()
    {
        float[] First(ulong seed)
        {
            using var parameters = new LlamaParameters(Shapes.Tiny());
            Initialization.Fill(parameters, Shapes.Tiny(), 0.02, seed, Shapes.Tiny().Layers);
            return parameters.Slice(0, 50).ToArray();
        }

        Assert.Equal(First(1), First(1));
        Assert.NotEqual(First(1), First(2));
    }

    private static double Deviation(LlamaParameters parameters, string name)
    {
        var view = parameters.View(name);
        var values = Enumerable.Range(0, view.Rows).SelectMany(row => view.Row(row).ToArray()).ToArray();
        return Math.Sqrt(values.Average(value => (double)value * value));
    }
}
