namespace LayerSkip.Training.Recipes;

/// <summary>From when on a growing model has how many layers.</summary>
/// <param name="Start">The stage's first step, as a share of all steps, in 0 .. 1 without 1.</param>
/// <param name="Layers">Layers that take part, at least 1.</param>
public sealed record DepthStage(double Start, int Layers);
