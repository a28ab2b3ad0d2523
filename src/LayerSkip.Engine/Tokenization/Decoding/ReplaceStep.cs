using System.Text;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Tokenization.Patterns;

namespace LayerSkip.Engine.Tokenization.Decoding;

/// <summary><c>Replace</c>: a text in place of every match within a token.</summary>
/// <param name="pattern">What is replaced.</param>
/// <param name="content">What stands instead.</param>
/// <param name="origin">The file that asks for it, for errors.</param>
internal sealed class ReplaceStep(TextPattern pattern, string content, string origin) : DecoderStep
{
    private const int MaxLength = 1 << 20;

    public override string Apply(string token, bool isFirst, RegexBudget budget)
    {
        var matches = new List<TextMatch>();
        pattern.FindMatches(token, budget, matches);
        if (matches.Count == 0)
        {
            return token;
        }

        if (token.Length + ((long)matches.Count * content.Length) > MaxLength)
        {
            throw new CheckpointException($"{origin}: decoder turns one token into more than {MaxLength} characters, expected fewer.");
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
