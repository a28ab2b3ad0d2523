namespace LayerSkip.Cli.Training;

/// <summary>A recipe's <c>checkpoint</c>: when to save, whichever comes first; always at the end.</summary>
/// <param name="Every">Time from one checkpoint to the next; null: no such rule.</param>
/// <param name="EverySteps">Steps from one checkpoint to the next; null: no such rule.</param>
internal sealed record CheckpointRecipe(TimeSpan? Every, int? EverySteps);
