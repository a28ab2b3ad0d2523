namespace LayerSkip.Engine.Tokenization.Patterns;

/// <summary>Something to look for in a text: a literal, a class of characters, a regular expression.</summary>
internal abstract class TextPattern
{
    /// <summary>Appends the matches from left to right; they do not overlap, and may be empty.</summary>
    /// <param name="text">Well-formed UTF-16.</param>
    /// <param name="budget">What all regular expressions of one encoding may spend together.</param>
    /// <param name="matches">Receives the matches.</param>
    public abstract void FindMatches(ReadOnlySpan<char> text, RegexBudget budget, List<TextMatch> matches);
}
