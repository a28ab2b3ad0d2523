namespace LayerSkip.Engine.Devices;

/// <summary>A draft's token.</summary>
/// <param name="Token">The token; -1 where all logits are NaN.</param>
/// <param name="Probability">How likely it is among the tokens that were looked at: a softmax at temperature 1, or, where it was drawn, in the distribution it was drawn from.</param>
internal readonly record struct TokenGuess(int Token, float Probability);
