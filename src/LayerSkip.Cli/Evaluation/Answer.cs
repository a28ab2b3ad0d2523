namespace LayerSkip.Cli.Evaluation;

/// <summary>What a model answered to a prompt.</summary>
/// <param name="Tokens">Token ids, with the end-of-sequence token that ended it.</param>
/// <param name="IsFinished">Whether it ended by itself, and not because it reached the most tokens or the end of the context.</param>
internal sealed record Answer(IReadOnlyList<int> Tokens, bool IsFinished);
