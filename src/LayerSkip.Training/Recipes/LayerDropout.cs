using LayerSkip.Training.Numerics;

namespace LayerSkip.Training.Recipes;

/// <summary>
/// Layer dropout: p(l, t) = S(t) D(l) p_max, drawn for each layer and sample. No rescaling: a dropped layer adds nothing. D is laid over all
/// layers, of a growing model over those that it will have.
/// </summary>
internal static class LayerDropout
{
    /// <summary>p(l, t).</summary>
    /// <param name="recipe">p_max and S.</param>
    /// <param name="layer">l in 0 .. layers − 1.</param>
    /// <param name="layers">L.</param>
    /// <param name="step">t in 0 .. steps − 1; beyond, S stays what it was at the end.</param>
    /// <param name="steps">T.</param>
    public static double Probability(LayerSkipRecipe recipe, int layer, int layers, long step, long steps)
    {
        var s = recipe.DropoutSchedule == DropoutSchedule.Exponential ? Doubling(Math.Min(step, steps - 1), steps - 1) : 1;
        return layer == 0 ? 0 : s * Doubling(layer, layers - 1) * recipe.MaxDropout;
    }

    /// <summary>For each layer the samples that run through it, ascending; null where all do.</summary>
    /// <remarks>Drawn from the arguments alone, so that a resumed run needs no more than its step to draw the same.</remarks>
    /// <param name="recipe">p_max and S.</param>
    /// <param name="layers">L.</param>
    /// <param name="samples">Samples of the batch.</param>
    /// <param name="step">t.</param>
    /// <param name="steps">T.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="part">Which batch of the step it is.</param>
    public static IReadOnlyList<int>?[] Draw(LayerSkipRecipe recipe, int layers, int samples, long step, long steps, ulong seed, int part)
    {
        var random = new RandomNumbers(seed ^ ((ulong)step * 0x9E3779B97F4A7C15) ^ ((ulong)part * 0xBF58476D1CE4E5B9));
        var kept = new IReadOnlyList<int>?[layers];
        for (var l = 0; l < layers; l++)
        {
            var probability = Probability(recipe, l, layers, step, steps);
            if (probability == 0)
            {
                continue;
            }

            var all = Enumerable.Range(0, samples).Where(_ => random.NextDouble() >= probability).ToArray();
            kept[l] = all.Length == samples ? null : all;
        }

        return kept;
    }

    /// <summary>2^(i / end) − 1: 0 at the start, 1 at the end, which a run of one step begins with.</summary>
    private static double Doubling(long i, long end) => end <= 0 ? 1 : Math.Pow(2, (double)i / end) - 1;
}
