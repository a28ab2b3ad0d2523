using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Training.Models;
using LayerSkip.Training.Optimization;

namespace LayerSkip.Training.Tests.Optimization;

public class AdamWTests
{
    [Fact]
    public void Steps_are_those_of_the_formula_and_norms_do_not_decay()
    {
        var config = Shapes.Tiny();
        var options = new OptimizerOptions { WeightDecay = 0.3, MaxGradientNorm = 2 };
        using var pool = new ComputePool(2);
        using var weights = new LlamaParameters(config);
        using var gradients = new LlamaParameters(config);
        using var optimizer = new AdamW(config, options);
        Initialization.Fill(weights, config, 0.5, 3, config.Layers);
        var random = new Random(8);
        var count = (int)weights.Count;
        var w = weights.Slice(0, count).ToArray().Select(value => (double)value).ToArray();
        var (m, v) = (new double[count], new double[count]);
        var decays = weights.Tensors.SelectMany(tensor => Enumerable.Repeat(tensor.IsNorm ? 0 : 0.3, (int)tensor.Count)).ToArray();
        for (var step = 0; step < 4; step++)
        {
            foreach (ref var gradient in gradients.Slice(0, count))
            {
                gradient = (float)((random.NextDouble() - 0.5) * (step == 2 ? 0.001 : 1));
            }

            var g = gradients.Slice(0, count).ToArray();
            var norm = Math.Sqrt(g.Sum(value => (double)value * value));
            Assert.Equal(norm, AdamW.Norm(pool, gradients), 1e-6 * norm);
            optimizer.Apply(pool, weights, gradients, norm, rate: 0.01, step, config.Layers);
            var clip = Math.Min(1, 2 / norm);
            for (var i = 0; i < count; i++)
            {
                m[i] = (0.9 * m[i]) + (0.1 * clip * g[i]);
                v[i] = (0.95 * v[i]) + (0.05 * clip * g[i] * clip * g[i]);
                var (mean, square) = (m[i] / (1 - Math.Pow(0.9, step + 1)), v[i] / (1 - Math.Pow(0.95, step + 1)));
                w[i] -= 0.01 * ((mean / (Math.Sqrt(square) + 1e-8)) + (decays[i] * w[i]));
                Assert.Equal(w[i], weights.Slice(i, 1)[0], 2e-5);
            }
        }
    }

    [Fact]
    public void Learning_rate_warms_up_and_falls_along_a_cosine()
    {
        var options = new OptimizerOptions { LearningRate = 2, WarmupSteps = 10, FinalShare = 0.1 };
        Assert.Equal(0.2, options.RateAt(0, 111), 1e-12);
        Assert.Equal(2, options.RateAt(9, 111), 1e-12);
        Assert.Equal(2, options.RateAt(10, 111), 1e-12);
        Assert.Equal(1.1, options.RateAt(60, 111), 1e-12);
        Assert.Equal(0.2, options.RateAt(110, 111), 1e-12);
        Assert.Equal(0.2, options.RateAt(1000, 111), 1e-12);
    }

    [Fact]
    public void Values_out_of_range_are_named()
    {
        Assert.Equal("LearningRate", Assert.Throws<ArgumentOutOfRangeException>(() => new OptimizerOptions { LearningRate = 0 }.Validate()).ParamName);
        Assert.Equal("Beta2", Assert.Throws<ArgumentOutOfRangeException>(() => new OptimizerOptions { Beta2 = 1 }.Validate()).ParamName);
        Assert.Equal("MaxGradientNorm", Assert.Throws<ArgumentOutOfRangeException>(() => new OptimizerOptions { MaxGradientNorm = double.NaN }.Validate()).ParamName);
    }
}
