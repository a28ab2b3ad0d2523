using System.Globalization;
using System.Text;

namespace LayerSkip.Engine.Tokenization.Patterns;

/// <summary>One bracketed character class of an Oniguruma expression, rewritten for .NET.</summary>
/// <param name="pattern">The whole expression.</param>
/// <param name="start">Where the class's opening bracket stands.</param>
internal ref struct OnigurumaClass(string pattern, int start)
{
    private readonly string _pattern = pattern;
    private int _position = start + 1;

    /// <summary>A single character as .NET takes it anywhere, inside a class or out.</summary>
    public static string Literal(char unit, int position)
    {
        if (char.IsSurrogate(unit))
        {
            throw new FormatException($"a character beyond U+FFFF at position {position}.");
        }

        return char.IsAsciiLetterOrDigit(unit) ? unit.ToString() : string.Create(CultureInfo.InvariantCulture, $"\\u{(int)unit:X4}");
    }

    public string Translate(out int end)
    {
        var result = new StringBuilder("[");
        if (Current == '^')
        {
            result.Append('^');
            _position++;
        }

        if (Current == ']')
        {
            throw Unsupported("an empty class");
        }

        while (Current != ']')
        {
            var low = Item();
            if (low.Literal is { } first && Current == '-' && _position + 1 < _pattern.Length && _pattern[_position + 1] != ']')
            {
                _position++;
                if (Item().Literal is not { } last || last < first)
                {
                    throw Unsupported("a range that does not run from a character to a later one");
                }

                result.Append(Literal(first, _position)).Append('-').Append(Literal(last, _position));
            }
            else
            {
                result.Append(low.Literal is { } single ? Literal(single, _position) : low.Members);
            }
        }

        end = _position + 1;
        return result.Append(']').ToString();
    }

    private readonly char Current => _position < _pattern.Length ? _pattern[_position] : throw Unsupported("a class that is not closed");

    private OnigurumaEscape Item()
    {
        switch (Current)
        {
            case '\\':
                return OnigurumaEscape.Read(_pattern, ref _position);
            case '[':
                throw Unsupported("a class within a class");
            case '&' when _pattern.AsSpan(_position).StartsWith("&&"):
                throw Unsupported("an intersection of classes");
            default:
                return new OnigurumaEscape(_pattern[_position++], "");
        }
    }

    private readonly FormatException Unsupported(string what) => new($"{what} at position {_position}.");
}
