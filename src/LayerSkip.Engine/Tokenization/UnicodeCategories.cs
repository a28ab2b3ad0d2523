using System.Globalization;
using System.Text;

namespace LayerSkip.Engine.Tokenization;

/// <summary>The character classes which Hugging Face tokenizers speak of, over whole Unicode characters.</summary>
internal static class UnicodeCategories
{
    /// <summary><c>\w</c>: letters, marks, decimal digits and connector punctuation.</summary>
    public static bool IsWord(Rune rune) => Rune.GetUnicodeCategory(rune) is
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
        or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter
        or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark
        or UnicodeCategory.DecimalDigitNumber or UnicodeCategory.ConnectorPunctuation;

    /// <summary>Unicode's punctuation, and the ASCII symbols which count as such (<c>$+&lt;=&gt;^`|~</c>).</summary>
    public static bool IsPunctuation(Rune rune) => Rune.IsPunctuation(rune) || (rune.IsAscii && Rune.IsSymbol(rune));
}
