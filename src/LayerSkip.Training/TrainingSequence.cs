namespace LayerSkip.Training;

/// <summary>One example: token ids, of which the model learns to predict those behind the prompt.</summary>
/// <param name="Tokens">At least two ids, the end-of-sequence token included where the model is to learn it.</param>
/// <param name="PromptLength">Ids at the start that are the prompt. At least one id must remain.</param>
/// <param name="PromptWeight">
/// What predicting an id of the prompt counts for in the loss, where one behind it counts 1: in 0 .. 1, 0 for nothing. The first id is never predicted.
/// </param>
public sealed record TrainingSequence(IReadOnlyList<int> Tokens, int PromptLength = 1, double PromptWeight = 0);
