namespace LayerSkip.Training.Recipes;

/// <summary>
/// The depth D(t) of a model that grows from the bottom up. While it has D layers, its last exit is that after layer D − 1; the layers above
/// neither run nor change. Those that join in start as copies of the ones there are, stacked upon them (progressive stacking, Gong et al.
/// 2019): of the right scale, and with something learnt already. The loss jumps, and is back within a few hundred steps. The first stages
/// cost little, and teach the exit that is to draft to stand on its own before anything is built on it.
/// </summary>
internal static class ModelGrowth
{
    /// <summary>D(t).</summary>
    /// <param name="recipe">The stages.</param>
    /// <param name="layers">L.</param>
    /// <param name="step">t in 0 .. steps − 1.</param>
    /// <param name="steps">T.</param>
    public static int Depth(LayerSkipRecipe recipe, int layers, long step, long steps)
    {
        var depth = recipe.Growth.Count > 0 ? recipe.Growth[0].Layers : layers;
        foreach (var stage in recipe.Growth)
        {
            if (step >= stage.Start * steps)
            {
                depth = stage.Layers;
            }
        }

        return depth;
    }

    /// <summary>The layer that layer l starts as a copy of in a step that grows the model from D layers: l mod D.</summary>
    /// <param name="layer">l, at least D.</param>
    /// <param name="depth">D, the depth before.</param>
    public static int CopiedLayer(int layer, int depth) => layer % depth;

    /// <summary>Whether the layers that join in at a depth add nothing at first.</summary>
    public static bool IsIdentity(LayerSkipRecipe recipe, int depth) => recipe.Growth.Any(stage => stage.Layers == depth && stage.Identity);

    /// <summary>Throws unless the stages follow one another up to the whole model, which the run's last step has.</summary>
    /// <exception cref="ArgumentException">They do not; the message says how they should.</exception>
    public static void Check(LayerSkipRecipe recipe, int layers, long steps)
    {
        var stages = recipe.Growth;
        var rising = Enumerable.Range(1, Math.Max(0, stages.Count - 1)).All(i => stages[i].Start > stages[i - 1].Start && stages[i].Layers > stages[i - 1].Layers);
        if (stages.Count > 0 && (stages[0].Start != 0 || stages[0].Layers < 1 || !rising || stages[^1].Layers != layers || Depth(recipe, layers, steps - 1, steps) != layers))
        {
            throw new ArgumentException(
                $"Growth is {string.Join(", ", stages.Select(stage => $"{stage.Layers} layers from {stage.Start}"))}; expected shares of the run's {steps} steps that rise from 0, the last beginning before the end, and layers that rise to the model's {layers}.",
                nameof(recipe));
        }
    }
}
