using System.Globalization;
using System.Text;

namespace LayerSkip.Parsing.Forms;

/// <summary>
/// Splits an utterance into the words that TOPv2's parses are written in: <c>What's on at 5:30pm?</c> becomes
/// <c>What 's on at 5 : 30 pm ?</c>.
/// </summary>
/// <remarks>
/// The rules, found in the data (99.92 % of its rows split exactly so; nearly all of the others leave an upper-case <c>5PM</c> whole):
/// white space separates words and belongs to none; letters, marks, digits and underscores make up a word, joined across a single
/// <c>. ' ’</c> between letters and a single <c>. , ; ' ’</c> between digits (<c>o'clock</c>, <c>a.m</c>, <c>7.30</c>); a possessive <c>'s</c>
/// after a letter, at a word's end, is a word of its own; digits followed by exactly am or pm, in any case, are two words; every other character
/// is a word. The words, joined, are the utterance without its white space, except that <c>[</c> and <c>]</c>, which no parse can hold,
/// become <c>(</c> and <c>)</c>.
/// </remarks>
public static class UtteranceWords
{
    /// <summary>Splits an utterance, in time linear in its length.</summary>
    /// <returns>The words in order, none empty, each one token of a parse; the index into this array is what the index form points with.</returns>
    public static string[] Split(ReadOnlySpan<char> utterance)
    {
        var words = new List<string>();
        for (var at = 0; at < utterance.Length;)
        {
            if (char.IsWhiteSpace(utterance[at]))
            {
                at++;
                continue;
            }

            var length = WordLength(utterance[at..]);
            if (length == 0)
            {
                length = at > 0 && KindAt(utterance, at - 1) is CharacterKind.Letter or CharacterKind.Mark ? PossessiveLength(utterance[at..]) : 0;
                length = length > 0 ? length : SymbolLength(utterance[at..]);
            }

            Add(utterance.Slice(at, length), words);
            at += length;
        }

        return [.. words];
    }

    /// <summary>A character as a parse can hold it.</summary>
    internal static char Written(char character) => character switch { '[' => '(', ']' => ')', _ => character };

    private static void Add(ReadOnlySpan<char> word, List<string> words)
    {
        if (word is [var bracket and ('[' or ']')])
        {
            words.Add(Written(bracket).ToString());
            return;
        }

        var digits = word.Length - 2;
        if (digits > 0 && word[digits..] is ['a' or 'A' or 'p' or 'P', 'm' or 'M'] && !word[..digits].ContainsAnyExceptInRange('0', '9'))
        {
            words.Add(word[..digits].ToString());
            word = word[digits..];
        }

        words.Add(word.ToString());
    }

    /// <summary>UTF-16 length of the word of letters and digits at the start; 0 where there is none.</summary>
    private static int WordLength(ReadOnlySpan<char> text)
    {
        var end = 0;
        var previous = CharacterKind.Other;
        while (end < text.Length)
        {
            var (kind, length) = Classify(text[end..]);
            if (kind == CharacterKind.Other)
            {
                if (end == 0 || !Joins(text[end], previous, text[(end + 1)..]) || PossessiveLength(text[end..]) > 0)
                {
                    break;
                }

                length = 1;
            }

            // A mark (an accent) belongs to the letter or digit before it.
            previous = kind == CharacterKind.Mark && end > 0 ? previous : kind;
            end += length;
        }

        return end;
    }

    /// <summary>Whether a character holds together what stands before and after it.</summary>
    private static bool Joins(char joiner, CharacterKind previous, ReadOnlySpan<char> rest)
    {
        if (rest.IsEmpty || Classify(rest).Kind != previous)
        {
            return false;
        }

        return previous switch
        {
            CharacterKind.Letter => joiner is '.' or '\'' or '’',
            CharacterKind.Digit => joiner is '.' or ',' or ';' or '\'' or '’',
            _ => false,
        };
    }

    /// <summary>2 where an apostrophe and an s begin the text and the word ends there, else 0.</summary>
    private static int PossessiveLength(ReadOnlySpan<char> text) =>
        text is ['\'' or '’', 's' or 'S', ..] && (text.Length == 2 || Classify(text[2..]).Kind is CharacterKind.Other) ? 2 : 0;

    /// <summary>A pair of surrogates is one character,.</summary>
    private static int SymbolLength(ReadOnlySpan<char> text)
    {
        Rune.DecodeFromUtf16(text, out _, out var length);
        return length;
    }

    /// <summary>The kind of the (last code unit of the) character at an index.</summary>
    private static CharacterKind KindAt(ReadOnlySpan<char> text, int index)
    {
        var start = index > 0 && char.IsSurrogatePair(text[index - 1], text[index]) ? index - 1 : index;
        return Classify(text[start..]).Kind;
    }

    private static (CharacterKind Kind, int Length) Classify(ReadOnlySpan<char> text)
    {
        Rune.DecodeFromUtf16(text, out var rune, out var length);
        var kind = Rune.GetUnicodeCategory(rune) switch
        {
            UnicodeCategory.DecimalDigitNumber => CharacterKind.Digit,
            UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark => CharacterKind.Mark,
            UnicodeCategory.ConnectorPunctuation when rune.Value == '_' => CharacterKind.Underscore,
            _ => Rune.IsLetter(rune) ? CharacterKind.Letter : CharacterKind.Other,
        };
        return (kind, length);
    }

    private enum CharacterKind
    {
        Other,
        Letter,
        Digit,
        Mark,
        Underscore,
    }
}
