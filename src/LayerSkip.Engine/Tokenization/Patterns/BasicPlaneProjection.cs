using System.Globalization;
using System.Text;

namespace LayerSkip.Engine.Tokenization.Patterns;

/// <summary>
/// Replaces each character beyond the Basic Multilingual Plane by one within it, so that .NET's regular expressions, which see
/// UTF-16 code units, meet one unit a character and its right category.
/// </summary>
internal static class BasicPlaneProjection
{
    // An ideograph of Extension A: a letter and Han, and outside U+4E00..U+9FFF, which expressions name by its end points.
    private const char Ideograph = '\u3400';

    /// <summary>Writes the projected text and, for each of its units and its end, the position in <paramref name="text"/>; returns the length.</summary>
    /// <param name="text">Well-formed UTF-16, n units.</param>
    /// <param name="units">At least n long.</param>
    /// <param name="starts">At least n + 1 long.</param>
    public static int Project(ReadOnlySpan<char> text, Span<char> units, Span<int> starts)
    {
        var count = 0;
        var position = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            units[count] = rune.IsBmp ? (char)rune.Value : Representative(rune);
            starts[count++] = position;
            position += rune.Utf16SequenceLength;
        }

        starts[count] = position;
        return count;
    }

    // Caseless members where the category has them, and none that an expression is likely to name.
    private static char Representative(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.OtherLetter when rune.Value is >= 0x20000 and <= 0x3FFFF => Ideograph,
        UnicodeCategory.OtherLetter => '\u16A0',
        UnicodeCategory.UppercaseLetter => '\u03D2',
        UnicodeCategory.LowercaseLetter => '\u0138',
        UnicodeCategory.ModifierLetter => '\u02B9',
        UnicodeCategory.NonSpacingMark => '\u0740',
        UnicodeCategory.SpacingCombiningMark => '\u0903',
        UnicodeCategory.DecimalDigitNumber => '\u07C0',
        UnicodeCategory.LetterNumber => '\u16EE',
        UnicodeCategory.OtherNumber => '\u09F4',
        UnicodeCategory.ConnectorPunctuation => '\u203F',
        UnicodeCategory.DashPunctuation => '\u058A',
        UnicodeCategory.OtherPunctuation => '\u055A',
        UnicodeCategory.MathSymbol => '\u2200',
        UnicodeCategory.CurrencySymbol => '\u09F2',
        UnicodeCategory.ModifierSymbol => '\u02D2',
        UnicodeCategory.OtherSymbol => '\u0482',
        UnicodeCategory.Format => '\u2061',
        UnicodeCategory.PrivateUse => '\uE000',
        _ => '\u0378', // unassigned; the other categories have no members beyond the plane
    };
}
