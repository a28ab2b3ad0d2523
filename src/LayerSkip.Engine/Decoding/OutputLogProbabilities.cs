namespace LayerSkip.Engine.Decoding;

/// <summary>How likely an output token was to the model, and which tokens were likeliest in its place.</summary>
/// <param name="Chosen">The output token.</param>
/// <param name="Top">The likeliest tokens, likeliest first, of equals the lowest id; as many as were asked for.</param>
public readonly record struct OutputLogProbabilities(TokenLogProbability Chosen, ReadOnlyMemory<TokenLogProbability> Top);
