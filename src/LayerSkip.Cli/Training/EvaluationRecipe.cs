namespace LayerSkip.Cli.Training;

/// <summary>A recipe's <c>evaluation</c>.</summary>
/// <param name="Files">Full paths, at least one.</param>
/// <param name="Rows">Rows taken in all, spread evenly over the files.</param>
/// <param name="EverySteps">Steps from one evaluation to the next; the last step is always followed by one.</param>
/// <param name="Exits">Exit layers whose answers are scored beside those of full depth.</param>
internal sealed record EvaluationRecipe(IReadOnlyList<string> Files, int Rows, int EverySteps, IReadOnlyList<int> Exits);
