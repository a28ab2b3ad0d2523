namespace LayerSkip.Training;

/// <summary>One example: token ids, of which the model learns to predict those behind the prompt.</summary>
/// <param name="Tokens">At least two ids, the end-of-sequence token included where the model is to learn it.</param>
/// <param name="PromptLength">Ids at the start that bear no loss; the first never bears one. At least one id must remain.</param>
public sealed record TrainingSequence(IReadOnlyList<int> Tokens, int PromptLength = 1);
