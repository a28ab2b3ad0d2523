namespace LayerSkip.Cli.Training;

/// <summary>Files whose rows are drawn alike: one entry of a recipe's <c>data</c>.</summary>
/// <param name="Files">Full paths, at least one, in the order in which they are read.</param>
/// <param name="Share">How many of the rows an epoch takes, as a share, in 0 .. 1 without 0.</param>
/// <param name="Task">What TOPv2's rows teach.</param>
/// <param name="Loss">What is learnt of a row.</param>
/// <param name="PromptWeight">What a token of the prompt counts for in the loss beside the response's 1, in 0 .. 1.</param>
/// <param name="Swapping">In place of the rows, copies of them with other values in their slots; null for the rows themselves.</param>
internal sealed record DataSource(IReadOnlyList<string> Files, double Share, RowTask Task, LossRange Loss, double PromptWeight, SlotSwapping? Swapping);
