namespace LayerSkip.Training.Recipes;

/// <summary>From when on a growing model has how many layers.</summary>
/// <param name="Start">The stage's first step, as a share of all steps, in 0 .. 1 without 1.</param>
/// <param name="Layers">Layers that take part, at least 1.</param>
/// <param name="Identity">
/// Whether the layers that join in add nothing at first: their output projections start at 0 (block expansion, LLaMA Pro, arXiv 2401.02415),
/// so the model says what it said before, however late in the run it grows.
/// </param>
public sealed record DepthStage(double Start, int Layers, bool Identity = false);
