using System.Buffers;
using System.Collections;
using System.Globalization;
using System.Text;

namespace LayerSkip.Engine.Tokenization.Patterns;

/// <summary>
/// Replaces each character beyond the Basic Multilingual Plane by one within it, so that .NET's regular expressions, which see
/// UTF-16 code units, meet one unit a character and its right category.
/// </summary>
/// <remarks>
/// The unit is one that the expression does not name. Of the characters that it does name beyond the plane, each category has a second unit, which the
/// expression's classes hold in their stead; where a text holds that unit itself, it is replaced by the first.
/// </remarks>
internal sealed class BasicPlaneProjection
{
    // One more kind than categories: ideographs are letters, and Han. Those of Extension A lie outside U+4E00..U+9FFF, which expressions name by its end points.
    private const int Ideographs = (int)UnicodeCategory.OtherNotAssigned + 1;
    private const int FirstAstral = 0x10000;
    private const char Unassigned = '\u0378';

    // Caseless members where the kind has them, and none that an expression is likely to name. Other kinds have no members beyond the plane.
    private static readonly (int Kind, char Member)[] s_preferred =
    [
        (Ideographs, '\u3400'),
        ((int)UnicodeCategory.OtherLetter, '\u16A0'),
        ((int)UnicodeCategory.UppercaseLetter, '\u03D2'),
        ((int)UnicodeCategory.LowercaseLetter, '\u0138'),
        ((int)UnicodeCategory.ModifierLetter, '\u02B9'),
        ((int)UnicodeCategory.NonSpacingMark, '\u0740'),
        ((int)UnicodeCategory.SpacingCombiningMark, '\u0903'),
        ((int)UnicodeCategory.DecimalDigitNumber, '\u07C0'),
        ((int)UnicodeCategory.LetterNumber, '\u16EE'),
        ((int)UnicodeCategory.OtherNumber, '\u09F4'),
        ((int)UnicodeCategory.ConnectorPunctuation, '\u203F'),
        ((int)UnicodeCategory.DashPunctuation, '\u058A'),
        ((int)UnicodeCategory.OtherPunctuation, '\u055A'),
        ((int)UnicodeCategory.MathSymbol, '\u2200'),
        ((int)UnicodeCategory.CurrencySymbol, '\u09F2'),
        ((int)UnicodeCategory.ModifierSymbol, '\u02D2'),
        ((int)UnicodeCategory.OtherSymbol, '\u0482'),
        ((int)UnicodeCategory.Format, '\u2061'),
        ((int)UnicodeCategory.PrivateUse, '\uE000'),
        ((int)UnicodeCategory.OtherNotAssigned, Unassigned),
    ];

    private readonly NamedCharacters _named;
    private readonly char[] _units = new char[Ideographs + 1]; // by kind
    private readonly char[] _standIns = new char[Ideographs + 1]; // by kind, of the named characters; 0 where none is of this kind
    private readonly BitArray? _isNamed; // by character - FirstAstral
    private readonly SearchValues<char> _standInValues;

    /// <param name="named">What the expression names.</param>
    /// <exception cref="FormatException">It leaves no unit for what it names beyond the plane.</exception>
    public BasicPlaneProjection(NamedCharacters named)
    {
        _named = named;
        _units.AsSpan().Fill(Unassigned);
        foreach (var (kind, member) in s_preferred)
        {
            // An expression that names all of a kind most likely means those beyond the plane, too.
            _units[kind] = named.Contains(member) ? Find(kind, but: member) ?? member : member;
        }

        if (named.Astral.Count > 0)
        {
            _isNamed = new(0x110000 - FirstAstral);
            NameAstral(_isNamed);
        }

        StandIns = new string([.. _standIns.Where(unit => unit != '\0')]);
        _standInValues = SearchValues.Create(StandIns);
    }

    /// <summary>What stands for the characters beyond the plane that the expression names.</summary>
    public string StandIns { get; }

    /// <summary>Whether a text must be rewritten before the expression is run on it.</summary>
    public bool Changes(ReadOnlySpan<char> text) => text.IndexOfAnyInRange('\uD800', '\uDFFF') >= 0 || text.ContainsAny(_standInValues);

    /// <summary>Writes the projected text and, for each of its units and its end, the position in <paramref name="text"/>; returns the length.</summary>
    /// <param name="text">Well-formed UTF-16, n units.</param>
    /// <param name="units">At least n long.</param>
    /// <param name="starts">At least n + 1 long.</param>
    public int Project(ReadOnlySpan<char> text, Span<char> units, Span<int> starts)
    {
        var count = 0;
        var position = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            units[count] = rune.IsBmp && !_standInValues.Contains((char)rune.Value) ? (char)rune.Value
                : !rune.IsBmp && _isNamed?[rune.Value - FirstAstral] == true ? _standIns[KindOf(rune)]
                : _units[KindOf(rune)];
            starts[count++] = position;
            position += rune.Utf16SequenceLength;
        }

        starts[count] = position;
        return count;
    }

    private static int KindOf(Rune rune) => Rune.GetUnicodeCategory(rune) is var category && category == UnicodeCategory.OtherLetter
        && (rune.IsBmp ? OnigurumaEscape.ScriptOf((char)rune.Value) == "Han" : rune.Value is >= 0x20000 and <= 0x3FFFF)
        ? Ideographs
        : (int)category;

    private void NameAstral(BitArray isNamed)
    {
        var next = FirstAstral;
        foreach (var (first, last) in _named.Astral.Order())
        {
            for (next = Math.Max(next, first); next <= last; next++)
            {
                isNamed[next - FirstAstral] = true;
                var kind = KindOf(new Rune(next));
                if (_standIns[kind] == '\0')
                {
                    _standIns[kind] = Find(kind, but: _units[kind])
                        ?? throw new FormatException("classes that name all characters of a category and some beyond U+FFFF.");
                }
            }
        }
    }

    // One of the kind that the expression does not name, and of no script that it might name.
    private char? Find(int kind, char but)
    {
        for (var unit = '\u0080'; unit < char.MaxValue; unit++)
        {
            if (unit != but && !_named.Contains(unit) && !char.IsSurrogate(unit) && KindOf(new Rune(unit)) == kind
                && (kind == Ideographs || OnigurumaEscape.ScriptOf(unit) is null))
            {
                return unit;
            }
        }

        return null;
    }
}
