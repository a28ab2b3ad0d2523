namespace LayerSkip.Engine.Decoding;

/// <summary>A token, and the natural logarithm of its probability.</summary>
/// <param name="Token">The token's id.</param>
/// <param name="LogProbability">At most 0; negative infinity where the model excludes the token.</param>
public readonly record struct TokenLogProbability(int Token, float LogProbability);
