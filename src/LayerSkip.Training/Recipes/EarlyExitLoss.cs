namespace LayerSkip.Training.Recipes;

/// <summary>The early-exit loss's weights: ẽ(t, l) = C(t, l) e(l) / Σ_i C(t, i) e(i).</summary>
internal static class EarlyExitLoss
{
    /// <summary>Throws unless a recipe's list of weights, if it has one, fits the model.</summary>
    /// <exception cref="ArgumentException">There are more or fewer weights than layers.</exception>
    public static void Check(LayerSkipRecipe recipe, int layers)
    {
        if (recipe.ExitWeights is { } weights && weights.Count != layers)
        {
            throw new ArgumentException($"ExitWeights has {weights.Count} weights, expected one for each of the model's {layers} layers.", nameof(recipe));
        }
    }

    /// <summary>ẽ(t, ·), one an exit, of sum 1; 0 beyond the depth that a growing model has reached.</summary>
    /// <param name="recipe">e and C.</param>
    /// <param name="layers">L.</param>
    /// <param name="step">t in 0 .. steps − 1.</param>
    /// <param name="steps">T.</param>
    public static double[] Weights(LayerSkipRecipe recipe, int layers, long step, long steps)
    {
        var depth = ModelGrowth.Depth(recipe, layers, step, steps);
        var weights = new double[layers];
        for (var l = 0; l < depth; l++)
        {
            weights[l] = IsEnabled(recipe, l, depth, step, steps) ? Weight(recipe, l, depth) : 0;
        }

        var sum = weights.Sum();
        return [.. weights.Select(weight => weight / sum)];
    }

    /// <summary>C(t, l).</summary>
    public static bool IsEnabled(LayerSkipRecipe recipe, int layer, int layers, long step, long steps) =>
        layer == layers - 1 || recipe.Curriculum switch
        {
            ExitCurriculum.Rotational => layer % recipe.Rotation == step % recipe.Rotation,
            ExitCurriculum.Gradual => layer >= layers - 1 - (2 * layers * step / steps),
            _ => true,
        };

    /// <summary>e(l).</summary>
    public static double Weight(LayerSkipRecipe recipe, int layer, int layers)
    {
        if (recipe.ExitWeights is { } weights)
        {
            return layer == layers - 1 ? weights[^1] : weights[layer];
        }

        var last = layer == layers - 1;
        switch (recipe.ExitWeighting)
        {
            case ExitWeighting.Linear:
                return (layer + 1) * (last ? 1 : recipe.ExitScale);
            case ExitWeighting.SquareRoot:
                return Math.Sqrt(layer + 1) * (last ? 1 : recipe.ExitScale);
            default:
                // For the last layer Σ_{i=0}^{L−2} i = (L − 1)(L − 2) / 2. A model of one layer has that exit alone, whatever its weight.
                return last
                    ? Math.Max(layer, 1) + (recipe.ExitScale * layer * (layer - 1) / 2)
                    : recipe.ExitScale * layer * (layer + 1) / 2;
        }
    }
}
