using System.Text;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Tokenization.Patterns;

namespace LayerSkip.Engine.Tokenization.Decoding;

/// <summary><c>Replace</c>: <paramref name="content"/> in place of every match within a token.</summary>
internal sealed class ReplaceStep(TextPattern pattern, string content) : DecoderStep
{
    private const int MaxLength = 1 << 20;

    public override string Apply(string token, bool isFirst)
    {
        var matches = new List<TextMatch>();
        pattern.FindMatches(token, new RegexBudget(token.Length), matches);
        if (matches.Count == 0)
        {
            return token;
        }

        if (token.Length + ((long)matches.Count * content.Length) > MaxLength)
        {
            throw new CheckpointException($"The tokenizer's decoder turns one token into more than the {MaxLength} characters expected at most.");
        }

        var result = new StringBuilder(token.Length);
        var position = 0;
        foreach (var match in matches)
        {
            result.Append(token, position, match.Start - position).Append(content);
            position = match.Start + match.Length;
        }

        return result.Append(token, position, token.Length - position).ToString();
    }
}
