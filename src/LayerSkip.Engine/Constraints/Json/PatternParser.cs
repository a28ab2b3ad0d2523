using System.Globalization;

namespace LayerSkip.Engine.Constraints.Json;

/// <summary>
/// A schema's regular expression (ECMA 262) as a language of string contents. The subset is what is regular: characters, classes, groups,
/// alternatives, quantifiers, and anchors at the ends of an alternative.
/// </summary>
internal sealed class PatternParser
{
    /// <summary>Characters of a pattern at most.</summary>
    public const int MaxLength = 4096;

    private const int MaxDepth = 50;
    private const int MaxCount = 1000;

    private readonly Grammar _grammar;
    private readonly string _pattern;
    private readonly GrammarNode _anything;
    private int _position;

    private PatternParser(Grammar grammar, string pattern)
    {
        _grammar = grammar;
        _pattern = pattern;
        _anything = grammar.Repeat(CodePointSet.All.Spelled(grammar));
    }

    /// <summary>The contents in which the pattern matches somewhere, in their usual spelling.</summary>
    /// <exception cref="PatternException">The pattern is outside the subset.</exception>
    public static GrammarNode Parse(Grammar grammar, string pattern)
    {
        if (pattern.Length > MaxLength)
        {
            throw new PatternException();
        }

        var parser = new PatternParser(grammar, pattern);
        var language = parser.Alternatives(0);
        return parser._position == pattern.Length ? language : throw new PatternException();
    }

    private bool AtEnd => _position == _pattern.Length;

    private char Current => _pattern[_position];

    private GrammarNode Alternatives(int depth)
    {
        if (depth > MaxDepth)
        {
            throw new PatternException();
        }

        var alternatives = new List<GrammarNode>();
        do
        {
            var isOuter = depth == 0;
            var starts = isOuter && Take('^');
            var parts = new List<GrammarNode>();
            var ends = false;
            while (!AtEnd && Current is not ('|' or ')'))
            {
                if (isOuter && Current == '$' && (_position + 1 == _pattern.Length || _pattern[_position + 1] == '|'))
                {
                    _position++;
                    ends = true;
                    break;
                }

                parts.Add(Quantified(depth));
            }

            var body = _grammar.Sequence([.. parts]);
            alternatives.Add(isOuter ? _grammar.Sequence(starts ? _grammar.Empty : _anything, body, ends ? _grammar.Empty : _anything) : body);
        }
        while (Take('|'));

        return _grammar.Choice([.. alternatives]);
    }

    private GrammarNode Quantified(int depth)
    {
        var atom = Atom(depth);
        if (Quantifier() is not { } counts)
        {
            return atom;
        }

        // Which match a lazy quantifier prefers makes no difference to whether there is one. What is quantified is an atom, and no quantifier's atom:
        // in thousands of them on one another, the first character alone would take minutes.
        Take('?');
        return Quantifier() is null ? _grammar.Repeat(atom, counts.Min, counts.Max) : throw new PatternException();
    }

    /// <summary>How often what stands before may be, or null where no quantifier stands here.</summary>
    private (int Min, int? Max)? Quantifier()
    {
        switch (AtEnd ? '\0' : Current)
        {
            case '*':
                _position++;
                return (0, null);
            case '+':
                _position++;
                return (1, null);
            case '?':
                _position++;
                return (0, 1);
            case '{':
                return Counts();
            default:
                return null;
        }
    }

    /// <summary>{n}, {n,} or {n,m}; null, and nothing read, where it is none of them.</summary>
    private (int Min, int? Max)? Counts()
    {
        var end = _pattern.IndexOf('}', _position);
        var parts = end < 0 ? [] : _pattern[(_position + 1)..end].Split(',');
        if (parts.Length is not (1 or 2) || !Count(parts[0], out var min))
        {
            return null;
        }

        var max = (int?)min;
        if (parts.Length == 2)
        {
            max = null;
            if (parts[1].Length > 0)
            {
                if (!Count(parts[1], out var most) || most < min)
                {
                    throw new PatternException();
                }

                max = most;
            }
        }

        _position = end + 1;
        return min <= MaxCount && (max ?? 0) <= MaxCount ? (min, max) : throw new PatternException();

        static bool Count(string text, out int count) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out count);
    }

    private GrammarNode Atom(int depth)
    {
        var character = _pattern[_position++];
        switch (character)
        {
            case '.':
                return CodePointSet.Dot.Spelled(_grammar);
            case '(':
                if (Take('?') && !Take(':') && !TakeName())
                {
                    throw new PatternException();
                }

                var group = Alternatives(depth + 1);
                return Take(')') ? group : throw new PatternException();
            case '[':
                return Class().Spelled(_grammar);
            case '\\':
                return Escape(inClass: false).Spelled(_grammar);
            case '^' or '$' or '*' or '+' or '?' or ')':
                throw new PatternException();
            default:
                return CodePointSet.Of(Single(CodePoint(character))).Spelled(_grammar);
        }
    }

    private bool TakeName()
    {
        var end = _pattern.IndexOf('>', _position);
        if (AtEnd || Current != '<' || end < 0 || end == _position + 1 || _pattern[_position + 1] is '=' or '!')
        {
            return false;
        }

        _position = end + 1;
        return true;
    }

    private CodePointSet Class()
    {
        var isNegated = Take('^');
        var set = CodePointSet.Of();
        while (true)
        {
            if (AtEnd)
            {
                throw new PatternException();
            }

            if (Take(']'))
            {
                return isNegated ? set.Complement() : set;
            }

            var (members, first) = Member();
            if (first is { } from && !AtEnd && Current == '-' && _position + 1 < _pattern.Length && _pattern[_position + 1] != ']')
            {
                _position++;
                var to = Member().First;
                set = set.Or(to >= from ? CodePointSet.Of((from, to.Value)) : throw new PatternException());
            }
            else
            {
                set = set.Or(members);
            }
        }
    }

    /// <summary>A member of a class; its code point where it is one character.</summary>
    private (CodePointSet Set, int? First) Member()
    {
        var character = _pattern[_position++];
        if (character != '\\')
        {
            var point = CodePoint(character);
            return (CodePointSet.Of(Single(point)), point);
        }

        if (AtEnd)
        {
            throw new PatternException();
        }

        var isSet = "dDwWsS".Contains(Current, StringComparison.Ordinal);
        var point2 = isSet ? (int?)null : EscapedCharacter(inClass: true);
        return point2 is { } single ? (CodePointSet.Of(Single(single)), single) : (Escape(inClass: true), null);
    }

    private CodePointSet Escape(bool inClass)
    {
        if (AtEnd)
        {
            throw new PatternException();
        }

        var set = Current switch
        {
            'd' => CodePointSet.Digits,
            'D' => CodePointSet.Digits.Complement(),
            'w' => CodePointSet.WordCharacters,
            'W' => CodePointSet.WordCharacters.Complement(),
            's' => CodePointSet.WhiteSpace,
            'S' => CodePointSet.WhiteSpace.Complement(),
            _ => null,
        };
        if (set is null)
        {
            return CodePointSet.Of(Single(EscapedCharacter(inClass)));
        }

        _position++;
        return set;
    }

    private int EscapedCharacter(bool inClass)
    {
        var character = _pattern[_position++];
        switch (character)
        {
            case 't':
                return '\t';
            case 'n':
                return '\n';
            case 'r':
                return '\r';
            case 'f':
                return '\f';
            case 'v':
                return '\v';
            case 'b' when inClass:
                return '\b';
            case '0' when AtEnd || !char.IsAsciiDigit(Current):
                return 0;
            case 'x':
                return Hex(2);
            case 'u' when Take('{'):
                var end = _pattern.IndexOf('}', _position);
                var value = end < 0 || end - _position is < 1 or > 6 ? throw new PatternException() : Hex(end - _position);
                _position++;
                return value;
            case 'u':
                return Hex(4);
            default:
                // Of letters and digits only those above are characters; the others mean what is not in the subset.
                return char.IsAsciiLetterOrDigit(character) ? throw new PatternException() : CodePoint(character);
        }
    }

    private int Hex(int digits)
    {
        if (_position + digits > _pattern.Length
            || !int.TryParse(_pattern.AsSpan(_position, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value)
            || value is > 0x10FFFF or (>= 0xD800 and <= 0xDFFF))
        {
            throw new PatternException();
        }

        _position += digits;
        return value;
    }

    /// <summary>The character that begins with a code unit just read.</summary>
    private int CodePoint(char unit)
    {
        if (!char.IsSurrogate(unit))
        {
            return unit;
        }

        return char.IsHighSurrogate(unit) && !AtEnd && char.IsLowSurrogate(Current)
            ? char.ConvertToUtf32(unit, _pattern[_position++])
            : throw new PatternException();
    }

    private static (int First, int Last) Single(int point) => (point, point);

    private bool Take(char character)
    {
        if (AtEnd || Current != character)
        {
            return false;
        }

        _position++;
        return true;
    }
}
