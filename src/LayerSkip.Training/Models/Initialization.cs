using LayerSkip.Engine.Checkpoints;
using LayerSkip.Training.Numerics;

namespace LayerSkip.Training.Models;

/// <summary>The weights of a model that has learnt nothing yet.</summary>
internal static class Initialization
{
    /// <summary>
    /// Norms are 1. Matrices are normal with the given standard deviation; those that write into the residual stream (o and down) with
    /// that divided by sqrt(2 L), so that the stream's scale does not grow with the depth; in layers that join in later they are zero, so that
    /// the whole model gives what its first layers do.
    /// </summary>
    /// <param name="parameters">Filled.</param>
    /// <param name="config">The model's shape.</param>
    /// <param name="deviation">Standard deviation of the matrices, such as 0.02.</param>
    /// <param name="seed">Chooses the weights.</param>
    /// <param name="depth">Layers that take part from the start.</param>
    public static void Fill(LlamaParameters parameters, ModelConfig config, double deviation, ulong seed, int depth)
    {
        var random = new RandomNumbers(seed);
        foreach (var tensor in parameters.Tensors)
        {
            var share = !tensor.WritesStream ? 1 : tensor.Layer >= depth ? 0 : 1 / Math.Sqrt(2.0 * config.Layers);
            var scale = deviation * share;
            var view = parameters.View(tensor.Name);
            for (var row = 0; row < tensor.Rows; row++)
            {
                foreach (ref var weight in view.Row(row))
                {
                    weight = tensor.IsNorm ? 1 : (float)(scale * Normal(random));
                }
            }
        }
    }

    /// <summary>Box and Muller's transform.</summary>
    private static double Normal(RandomNumbers random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
