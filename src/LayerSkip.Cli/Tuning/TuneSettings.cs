namespace LayerSkip.Cli.Tuning;

/// <summary>How to tune.</summary>
/// <param name="Prompts">Token ids of the sample prompts; at least one.</param>
/// <param name="MaxTokens">Most tokens of an answer.</param>
/// <param name="Candidates">How many predicted settings to confirm, at least one.</param>
/// <param name="Runs">Measured runs of each, at least one.</param>
/// <param name="Seconds">About how long each of the three steps (answers, costs, runs) may take; on a large model fewer prompts are used.</param>
internal sealed record TuneSettings(IReadOnlyList<int[]> Prompts, int MaxTokens, int Candidates, int Runs, double Seconds);
