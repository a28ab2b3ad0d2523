namespace LayerSkip.Cli.Tuning;

/// <summary>What a setting is expected to give.</summary>
/// <param name="ExitLayer">Exit layer E.</param>
/// <param name="NumSpeculations">Speculation length d.</param>
/// <param name="Speedup">Autoregressive / self-speculative time of whole requests.</param>
/// <param name="AcceptanceRate">Accepted / drafted tokens.</param>
/// <param name="TokensPerRound">Tokens / rounds.</param>
internal sealed record Prediction(int ExitLayer, int NumSpeculations, double Speedup, double AcceptanceRate, double TokensPerRound);
