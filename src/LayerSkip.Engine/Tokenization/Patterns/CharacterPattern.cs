using System.Text;

namespace LayerSkip.Engine.Tokenization.Patterns;

/// <summary>Every single character of a class.</summary>
/// <param name="isMember">Whether a character belongs to the class.</param>
internal sealed class CharacterPattern(Func<Rune, bool> isMember) : TextPattern
{
    public override void FindMatches(ReadOnlySpan<char> text, RegexBudget budget, List<TextMatch> matches)
    {
        var position = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            if (isMember(rune))
            {
                matches.Add(new TextMatch(position, rune.Utf16SequenceLength));
            }

            position += rune.Utf16SequenceLength;
        }
    }
}
