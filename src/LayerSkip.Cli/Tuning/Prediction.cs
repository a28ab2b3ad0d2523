using LayerSkip.Engine.Decoding;

namespace LayerSkip.Cli.Tuning;

/// <summary>What a setting is expected to give.</summary>
/// <param name="ExitLayer">Exit layer E.</param>
/// <param name="NumSpeculations">Speculation length d.</param>
/// <param name="Weights">By which weights drafts run.</param>
/// <param name="Speedup">Autoregressive / self-speculative time of whole requests.</param>
/// <param name="AcceptanceRate">Accepted / drafted tokens; by coarse weights as if they guessed what the model's own do.</param>
/// <param name="TokensPerRound">Tokens / rounds.</param>
internal sealed record Prediction(int ExitLayer, int NumSpeculations, DraftWeights Weights, double Speedup, double AcceptanceRate, double TokensPerRound);
