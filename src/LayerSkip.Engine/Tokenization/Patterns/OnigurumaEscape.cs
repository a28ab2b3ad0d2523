using System.Globalization;
using System.Text;

namespace LayerSkip.Engine.Tokenization.Patterns;

/// <summary>What a backslash sequence stands for: one character, or the members of a class as .NET writes them between brackets.</summary>
/// <param name="Literal">The character, or null.</param>
/// <param name="Members">The members where it is not one character.</param>
internal readonly record struct OnigurumaEscape(int? Literal, string Members)
{
    private const string Word = @"\p{L}\p{M}\p{Nd}\p{Pc}";
    private const string NotWord = @"\p{Nl}\p{No}\p{Pd}\p{Ps}\p{Pe}\p{Pi}\p{Pf}\p{Po}\p{S}\p{Z}\p{C}";

    private static readonly HashSet<string> Categories =
    [
        "L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po",
        "S", "Sm", "Sc", "Sk", "So", "Z", "Zs", "Zl", "Zp", "C", "Cc", "Cf", "Cs", "Co", "Cn",
    ];

    private static readonly Dictionary<string, string> CategoriesByName = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Letter"] = "L", ["UppercaseLetter"] = "Lu", ["LowercaseLetter"] = "Ll", ["TitlecaseLetter"] = "Lt",
        ["ModifierLetter"] = "Lm", ["OtherLetter"] = "Lo", ["Mark"] = "M", ["NonspacingMark"] = "Mn", ["SpacingMark"] = "Mc",
        ["EnclosingMark"] = "Me", ["Number"] = "N", ["DecimalNumber"] = "Nd", ["LetterNumber"] = "Nl", ["OtherNumber"] = "No",
        ["Punctuation"] = "P", ["Symbol"] = "S", ["MathSymbol"] = "Sm", ["CurrencySymbol"] = "Sc", ["ModifierSymbol"] = "Sk",
        ["OtherSymbol"] = "So", ["Separator"] = "Z", ["SpaceSeparator"] = "Zs", ["Other"] = "C", ["Control"] = "Cc", ["Format"] = "Cf",
    };

    // The Basic Multilingual Plane's share of the scripts that splitting expressions name; the projection brings the rest of Han here.
    private static readonly Dictionary<string, (char First, char Last)[]> Scripts = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Han"] =
        [
            ('\u2E80', '\u2E99'), ('\u2E9B', '\u2EF3'), ('\u2F00', '\u2FD5'), ('\u3005', '\u3005'), ('\u3007', '\u3007'), ('\u3021', '\u3029'),
            ('\u3038', '\u303B'), ('\u3400', '\u4DBF'), ('\u4E00', '\u9FFF'), ('\uF900', '\uFA6D'), ('\uFA70', '\uFAD9'),
        ],
        ["Hiragana"] = [('\u3041', '\u3096'), ('\u309D', '\u309F')],
        ["Katakana"] =
        [
            ('\u30A1', '\u30FA'), ('\u30FD', '\u30FF'), ('\u31F0', '\u31FF'), ('\u32D0', '\u32FE'), ('\u3300', '\u3357'),
            ('\uFF66', '\uFF6F'), ('\uFF71', '\uFF9D'),
        ],
        ["Hangul"] =
        [
            ('\u1100', '\u11FF'), ('\u302E', '\u302F'), ('\u3131', '\u318E'), ('\u3200', '\u321E'), ('\u3260', '\u327E'), ('\uA960', '\uA97C'),
            ('\uAC00', '\uD7A3'), ('\uD7B0', '\uD7C6'), ('\uD7CB', '\uD7FB'), ('\uFFA0', '\uFFBE'), ('\uFFC2', '\uFFC7'), ('\uFFCA', '\uFFCF'),
            ('\uFFD2', '\uFFD7'), ('\uFFDA', '\uFFDC'),
        ],
    };

    /// <summary>The name of a character's script, where it is one that splitting expressions name.</summary>
    public static string? ScriptOf(char character) =>
        Scripts.FirstOrDefault(script => Array.Exists(script.Value, range => character >= range.First && character <= range.Last)).Key;

    /// <summary>Reads the sequence at <paramref name="position"/> and moves behind it.</summary>
    /// <exception cref="FormatException">The sequence is malformed or not supported.</exception>
    public static OnigurumaEscape Read(string pattern, ref int position)
    {
        var start = position;
        var letter = position + 1 < pattern.Length ? pattern[position + 1] : throw Unsupported(start);
        position += 2;
        switch (letter)
        {
            case 'd' or 'D' or 's' or 'S':
                return new OnigurumaEscape(null, $"\\{letter}");
            case 'w':
                return new OnigurumaEscape(null, Word);
            case 'W':
                return new OnigurumaEscape(null, NotWord);
            case 'h':
                return new OnigurumaEscape(null, "0-9A-Fa-f");
            case 'p' or 'P':
                return Property(pattern, ref position, letter == 'P');
            case 'x' or 'u':
                return new OnigurumaEscape(CodePoint(pattern, ref position, letter), "");
        }

        return letter switch
        {
            'n' => new OnigurumaEscape('\n', ""),
            'r' => new OnigurumaEscape('\r', ""),
            't' => new OnigurumaEscape('\t', ""),
            'f' => new OnigurumaEscape('\f', ""),
            'v' => new OnigurumaEscape('\v', ""),
            'a' => new OnigurumaEscape('\a', ""),
            'e' => new OnigurumaEscape('\u001B', ""),
            _ when char.IsAsciiLetterOrDigit(letter) => throw Unsupported(start),
            _ => new OnigurumaEscape(letter, ""),
        };
    }

    private static OnigurumaEscape Property(string pattern, ref int position, bool isNegated)
    {
        var start = position - 2;
        var close = position < pattern.Length && pattern[position] == '{' ? pattern.IndexOf('}', position) : -1;
        if (close < 0)
        {
            throw Unsupported(start);
        }

        var name = pattern[(position + 1)..close];
        position = close + 1;
        if (name.StartsWith('^'))
        {
            (name, isNegated) = (name[1..], !isNegated);
        }

        var category = CategoriesByName.GetValueOrDefault(name.Replace("_", "", StringComparison.Ordinal), name);
        if (Categories.Contains(category))
        {
            return new OnigurumaEscape(null, $"\\{(isNegated ? 'P' : 'p')}{{{category}}}");
        }

        if (Scripts.TryGetValue(name, out var ranges))
        {
            return new OnigurumaEscape(null, string.Concat((isNegated ? Complement(ranges) : ranges).Select(Range)));
        }

        throw new FormatException($"the property '{name}' at position {start}.");
    }

    private static int CodePoint(string pattern, ref int position, char letter)
    {
        var start = position - 2;
        var braced = letter == 'x' && position < pattern.Length && pattern[position] == '{';
        var first = braced ? position + 1 : position;
        var end = braced ? pattern.IndexOf('}', first) : first + (letter == 'x' ? 2 : 4);
        if (end < 0 || end > pattern.Length
            || !uint.TryParse(pattern.AsSpan(first, end - first), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value)
            || !Rune.IsValid(value))
        {
            throw Unsupported(start);
        }

        position = braced ? end + 1 : end;
        return (int)value;
    }

    private static IEnumerable<(char First, char Last)> Complement((char First, char Last)[] ranges)
    {
        var next = 0;
        foreach (var (first, last) in ranges)
        {
            if (first > next)
            {
                yield return ((char)next, (char)(first - 1));
            }

            next = last + 1;
        }

        yield return ((char)next, char.MaxValue);
    }

    private static string Range((char First, char Last) range) =>
        string.Create(CultureInfo.InvariantCulture, $"\\u{(int)range.First:X4}-\\u{(int)range.Last:X4}");

    private static FormatException Unsupported(int position) => new($"the backslash sequence at position {position}.");
}
