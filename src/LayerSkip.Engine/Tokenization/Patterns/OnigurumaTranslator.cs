using System.Globalization;
using System.Text;

namespace LayerSkip.Engine.Tokenization.Patterns;

/// <summary>
/// Rewrites an Oniguruma expression, as <c>tokenizer.json</c> holds them, for .NET: possessive quantifiers, line anchors, named
/// properties, <c>\w</c>. What would silently mean something else is refused.
/// </summary>
internal sealed class OnigurumaTranslator
{
    private const int MaxLength = 20_000;
    private const int MaxDepth = 40;
    private const int MaxRepetition = 1000;

    private readonly string _pattern;
    private readonly NamedCharacters _named = new();
    private int _position;
    private bool _isRegular = true;

    private OnigurumaTranslator(string pattern) => _pattern = pattern;

    /// <summary>The expression for .NET.</summary>
    /// <param name="pattern">The expression in Oniguruma syntax.</param>
    /// <exception cref="FormatException">The expression is malformed or holds an unsupported construct; the message says which and where.</exception>
    public static TranslatedExpression Translate(string pattern)
    {
        if (pattern.Length > MaxLength)
        {
            throw new FormatException($"it is {pattern.Length} characters long, more than the {MaxLength} expected at most.");
        }

        var translator = new OnigurumaTranslator(pattern);
        var prefix = translator.TryTake("(?i)") ? "(?i)" : "";
        var (text, unrolled) = translator.Alternation(0);
        if (translator._position < pattern.Length)
        {
            throw translator.Unsupported("an unmatched ')'");
        }

        if (translator._named.Astral.Count > 0 && pattern.Contains("(?i", StringComparison.Ordinal))
        {
            throw new FormatException("characters beyond U+FFFF where case is ignored.");
        }

        var projection = new BasicPlaneProjection(translator._named);
        var standIns = string.Concat(projection.StandIns.Select(unit => OnigurumaClass.Literal(unit, 0)));
        return new TranslatedExpression(
            prefix + text.Replace(OnigurumaClass.StandInMark.ToString(), standIns, StringComparison.Ordinal),
            translator._isRegular && unrolled <= MaxRepetition,
            projection);
    }

    private bool AtEnd => _position >= _pattern.Length;

    private char Current => _pattern[_position];

    // Each part answers its translation and how many positions an automaton would unroll it into.
    private (string Text, long Unrolled) Alternation(int depth)
    {
        if (depth > MaxDepth)
        {
            throw Unsupported($"a nesting of more than {MaxDepth} groups");
        }

        var text = new StringBuilder();
        long unrolled = 0;
        while (!AtEnd && Current != ')')
        {
            if (Current == '|')
            {
                text.Append('|');
                _position++;
                continue;
            }

            var item = Quantified(depth);
            text.Append(item.Text);
            unrolled = Math.Min(unrolled + item.Unrolled, int.MaxValue);
        }

        return (text.ToString(), unrolled);
    }

    private (string Text, long Unrolled) Quantified(int depth)
    {
        var (text, unrolled) = Atom(depth);
        for (var isFirst = true; !AtEnd && Quantifier() is { } quantifier; isFirst = false)
        {
            var operand = isFirst ? text : $"(?:{text})";
            if (quantifier.IsPossessive)
            {
                _isRegular = false;
                text = $"(?>{operand}{quantifier.Text})";
            }
            else
            {
                text = operand + quantifier.Text;
            }

            unrolled = Math.Min(unrolled * quantifier.Count, int.MaxValue);
            if (text.Length > 10 * MaxLength)
            {
                throw Unsupported("so many stacked quantifiers");
            }
        }

        return (text, unrolled);
    }

    private (string Text, bool IsPossessive, int Count)? Quantifier()
    {
        if (Current is '*' or '+' or '?')
        {
            var text = Current.ToString();
            _position++;
            if (TryTake("?"))
            {
                return (text + "?", false, 1);
            }

            return (text, TryTake("+"), 1);
        }

        if (TryTakeInterval(out var min, out var max) is false)
        {
            return null;
        }

        if (min > MaxRepetition || max > MaxRepetition || max < min)
        {
            throw Unsupported($"a repetition count (up to {MaxRepetition} and in order are expected)");
        }

        // A '+' behind an interval is a second quantifier in Oniguruma, not a possessive one.
        var interval = min == max ? $"{{{min}}}" : string.Create(CultureInfo.InvariantCulture, $"{{{min},{max}}}");
        if (min != max && TryTake("?"))
        {
            interval += "?";
        }

        return (interval, false, Math.Max(1, max ?? Math.Max(1, min)));
    }

    // {n} {n,} {,m} {n,m}; anything else is a literal brace.
    private bool TryTakeInterval(out int min, out int? max)
    {
        (min, max) = (0, null);
        var close = Current == '{' ? _pattern.IndexOf('}', _position) : -1;
        if (close < 0)
        {
            return false;
        }

        var body = _pattern.AsSpan((_position + 1)..close);
        var comma = body.IndexOf(',');
        var lower = comma < 0 ? body : body[..comma];
        var upper = comma < 0 ? body : body[(comma + 1)..];
        if ((lower.IsEmpty && upper.IsEmpty) || !TryCount(lower, out var low) || !TryCount(upper, out var high))
        {
            return false;
        }

        (min, max) = (low ?? 0, high);
        _position = close + 1;
        return true;

        static bool TryCount(ReadOnlySpan<char> digits, out int? count)
        {
            count = null;
            if (digits.ContainsAnyExceptInRange('0', '9'))
            {
                return false;
            }

            if (!digits.IsEmpty)
            {
                count = int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : int.MaxValue;
            }

            return true;
        }
    }

    private (string Text, long Unrolled) Atom(int depth)
    {
        var character = Current;
        switch (character)
        {
            case '(':
                return Group(depth);
            case '[':
                return (new OnigurumaClass(_pattern, _position).Translate(_named, out _position), 1);
            case '\\':
                return (Escape(), 1);
            case '*' or '+' or '?':
                throw Unsupported("a quantifier with nothing before it");
        }

        _position++;
        return (character switch
        {
            '.' => "[^\\n]",
            '^' => "(?m:^)", // always at each line, in Oniguruma
            '$' => "(?m:$)",
            _ => Literal(character, _position - 1),
        }, 1);
    }

    private (string Text, long Unrolled) Group(int depth)
    {
        string[] openings = ["(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:", "(?-i:"];
        var opening = Array.Find(openings, TryTake);
        if (opening is null)
        {
            if (_pattern.AsSpan(_position).StartsWith("(?") || _pattern.AsSpan(_position).StartsWith("(*"))
            {
                throw Unsupported("this kind of group");
            }

            _position++;
            opening = "(?:"; // what it captures is never asked for
        }

        _isRegular &= opening is "(?:" or "(?i:" or "(?-i:";
        var (text, unrolled) = Alternation(depth + 1);
        if (!TryTake(")"))
        {
            throw Unsupported("a group that is not closed");
        }

        return ($"{opening}{text})", unrolled);
    }

    private string Escape()
    {
        var next = _position + 1 < _pattern.Length ? _pattern[_position + 1] : '\0';
        if (next is 'b' or 'B' or 'A' or 'z' or 'Z')
        {
            _position += 2;
            return $"\\{next}";
        }

        if (next == 'R')
        {
            _position += 2;
            _isRegular = false;
            return "(?>\\r\\n|[\\n-\\r\\u0085\\u2028\\u2029])";
        }

        var set = OnigurumaEscape.Read(_pattern, ref _position);
        return set.Literal is { } literal ? Literal(literal, _position) : $"[{set.Members}]";
    }

    private string Literal(int character, int position)
    {
        var text = OnigurumaClass.Literal(character, position);
        _named.Add(character, character);
        return text;
    }

    private bool TryTake(string text)
    {
        if (!_pattern.AsSpan(_position).StartsWith(text))
        {
            return false;
        }

        _position += text.Length;
        return true;
    }

    private FormatException Unsupported(string what) => new($"{what} at position {_position}.");
}
