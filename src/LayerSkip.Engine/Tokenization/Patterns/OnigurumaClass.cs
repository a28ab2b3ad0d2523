using System.Globalization;
using System.Text;

namespace LayerSkip.Engine.Tokenization.Patterns;

/// <summary>One bracketed character class of an Oniguruma expression, rewritten for .NET; classes within it are members like others.</summary>
/// <param name="pattern">The whole expression.</param>
/// <param name="start">Where the class's opening bracket stands.</param>
internal ref struct OnigurumaClass(string pattern, int start)
{
    /// <summary>Stands in a translation where the units belong that replace characters beyond U+FFFF: half a character, as no expression holds.</summary>
    public const char StandInMark = '\uDFFF';

    private readonly string _pattern = pattern;
    private readonly StringBuilder _result = new("[");
    private readonly List<(int First, int Last)> _astral = [];
    private int _position = start + 1;

    /// <summary>A single character as .NET takes it anywhere, inside a class or out.</summary>
    public static string Literal(int character, int position)
    {
        if (character > char.MaxValue || char.IsSurrogate((char)character))
        {
            throw new FormatException($"a character beyond U+FFFF outside a class at position {position}.");
        }

        return char.IsAsciiLetterOrDigit((char)character) ? ((char)character).ToString() : string.Create(CultureInfo.InvariantCulture, $"\\u{character:X4}");
    }

    /// <param name="named">Receives what the class names.</param>
    /// <param name="end">Where the expression goes on.</param>
    public string Translate(NamedCharacters named, out int end)
    {
        if (Current == '^')
        {
            _result.Append('^');
            _position++;
        }

        RequireMember();
        for (var depth = 1; depth > 0;)
        {
            if (Current == ']')
            {
                _position++;
                depth--;
            }
            else if (Current == '[')
            {
                OpenInner();
                depth++;
            }
            else
            {
                AddMember(named);
            }
        }

        end = _position;
        if (_astral.Count > 0)
        {
            _result.Append(StandInMark);
            if (!named.TryAddAstral(_astral))
            {
                throw Unsupported("characters beyond U+FFFF of which another class names others, before");
            }
        }

        return _result.Append(']').ToString();
    }

    private readonly char Current => _position < _pattern.Length ? _pattern[_position] : throw Unsupported("a class that is not closed");

    private void OpenInner()
    {
        _position++;
        if (Current is '^' or ':')
        {
            throw Unsupported(Current == '^' ? "a negated class within a class" : "a POSIX class");
        }

        RequireMember();
    }

    private void AddMember(NamedCharacters named)
    {
        var low = Item();
        if (low.Literal is { } first && Current == '-' && _position + 1 < _pattern.Length && _pattern[_position + 1] != ']')
        {
            _position++;
            if (Item().Literal is not { } last || last < first)
            {
                throw Unsupported("a range that does not run from a character to a later one");
            }

            AddRange(first, last, named);
        }
        else if (low.Literal is { } single)
        {
            AddRange(single, single, named);
        }
        else
        {
            _result.Append(low.Members);
        }
    }

    private readonly void AddRange(int first, int last, NamedCharacters named)
    {
        if (first <= char.MaxValue)
        {
            var basicLast = Math.Min(last, char.MaxValue);
            named.Add(first, basicLast);
            _result.Append(Literal(first, _position)).Append(basicLast > first ? "-" + Literal(basicLast, _position) : "");
        }

        if (last > char.MaxValue)
        {
            _astral.Add((Math.Max(first, char.MaxValue + 1), last));
        }
    }

    private OnigurumaEscape Item()
    {
        switch (Current)
        {
            case '\\':
                return OnigurumaEscape.Read(_pattern, ref _position);
            case '[':
                throw Unsupported("a class at the end of a range");
            case '&' when _pattern.AsSpan(_position).StartsWith("&&"):
                throw Unsupported("an intersection of classes");
        }

        if (!Rune.TryGetRuneAt(_pattern, _position, out var character))
        {
            throw Unsupported("half a character");
        }

        _position += character.Utf16SequenceLength;
        return new OnigurumaEscape(character.Value, "");
    }

    private readonly void RequireMember()
    {
        if (Current == ']')
        {
            throw Unsupported("an empty class");
        }
    }

    private readonly FormatException Unsupported(string what) => new($"{what} at position {_position}.");
}
