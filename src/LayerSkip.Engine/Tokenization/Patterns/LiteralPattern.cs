namespace LayerSkip.Engine.Tokenization.Patterns;

/// <summary>Every occurrence of a string, code unit by code unit.</summary>
/// <param name="literal">Not empty.</param>
internal sealed class LiteralPattern(string literal) : TextPattern
{
    public override void FindMatches(ReadOnlySpan<char> text, RegexBudget budget, List<TextMatch> matches)
    {
        for (var position = 0; text[position..].IndexOf(literal, StringComparison.Ordinal) is var skip and >= 0; position += skip + literal.Length)
        {
            matches.Add(new TextMatch(position + skip, literal.Length));
        }
    }
}
