namespace LayerSkip.Cli.Measurement;

/// <summary>What to compare the modes on.</summary>
/// <param name="Prompts">Token ids of the prompts; at least one.</param>
/// <param name="Answers">The token ids that full depth answers, one list for each prompt.</param>
/// <param name="ExitLayers">Exit layers E; at least one.</param>
/// <param name="NumSpeculations">Speculation lengths d; at least one.</param>
/// <param name="MaxTokens">Most tokens of an answer.</param>
/// <param name="Runs">Measured runs over all prompts, at least one.</param>
internal sealed record SpeedSettings(
    IReadOnlyList<int[]> Prompts,
    IReadOnlyList<IReadOnlyList<int>> Answers,
    IReadOnlyList<int> ExitLayers,
    IReadOnlyList<int> NumSpeculations,
    int MaxTokens,
    int Runs);
