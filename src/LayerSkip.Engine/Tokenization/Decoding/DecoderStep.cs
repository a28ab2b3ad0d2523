using LayerSkip.Engine.Tokenization.Patterns;

namespace LayerSkip.Engine.Tokenization.Decoding;

/// <summary>A rewriting of one token's spelling on the way back to text.</summary>
internal abstract class DecoderStep
{
    /// <param name="token">The spelling so far.</param>
    /// <param name="isFirst">Whether it is the text's first token.</param>
    /// <param name="budget">The time for the checkpoint's regular expressions.</param>
    public abstract string Apply(string token, bool isFirst, RegexBudget budget);
}
