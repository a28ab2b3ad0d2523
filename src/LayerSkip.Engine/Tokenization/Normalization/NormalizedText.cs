using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Tokenization.Patterns;

namespace LayerSkip.Engine.Tokenization.Normalization;

/// <summary>A text on its way through the normalizers; each character keeps the strictest rule of the characters it came from.</summary>
/// <param name="Text">Well-formed UTF-16.</param>
/// <param name="Rules">Which added tokens each character of <paramref name="Text"/> may be part of.</param>
/// <param name="Budget">The time for the checkpoint's regular expressions.</param>
/// <param name="Origin">The file that the normalizers come from, for errors.</param>
/// <param name="MaxLength">The length beyond which a normalizer is taken for a hostile one.</param>
internal sealed record NormalizedText(string Text, AddedTokenRules Rules, RegexBudget Budget, string Origin, long MaxLength)
{
    public static NormalizedText Start(string text, AddedTokenRules rules, RegexBudget budget, string origin) =>
        new(text, rules, budget, origin, 1024 + (64L * text.Length));

    /// <exception cref="CheckpointException">A normalizer would make the text absurdly longer.</exception>
    public void RequireRoom(long length)
    {
        if (length > MaxLength)
        {
            throw new CheckpointException(
                $"{Origin}: normalizer would turn a text into {length} characters, expected at most {MaxLength}.");
        }
    }
}
