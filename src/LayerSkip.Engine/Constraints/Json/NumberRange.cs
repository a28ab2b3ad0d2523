using System.Globalization;
using System.Numerics;

namespace LayerSkip.Engine.Constraints.Json;

/// <summary>Numbers between bounds, compared digit by digit. Null bounds are open.</summary>
internal sealed class NumberRange(Grammar grammar, JsonTerminals terminals)
{
    // Digits of a fraction that lies between two others.
    private const int FractionDigits = 6;

    private static readonly BigInteger s_greatest = BigInteger.Pow(10, JsonTerminals.MaxDigits) - 1;

    /// <summary>The integers from <paramref name="least"/> to <paramref name="greatest"/>, both included.</summary>
    public GrammarNode Integers(BigInteger? least, BigInteger? greatest)
    {
        // Where one side is open, it reaches as far as an unbounded integer does, or ten times as far as the other bound.
        var from = least ?? -BigInteger.Max(s_greatest, BigInteger.Abs(greatest ?? 0) * 10);
        var to = greatest ?? BigInteger.Max(s_greatest, BigInteger.Abs(least ?? 0) * 10);
        if (from > to)
        {
            return grammar.Nothing;
        }

        var alternatives = new List<GrammarNode>();
        if (from < 0)
        {
            alternatives.Add(grammar.Join(grammar.Literal("-"), Naturals(BigInteger.Max(1, -to), -from)));
        }

        if (to >= 0)
        {
            alternatives.Add(Naturals(BigInteger.Max(0, from), to));
        }

        return grammar.Choice([.. alternatives]);
    }

    /// <summary>The decimal numbers between two bounds, without exponents.</summary>
    public GrammarNode Decimals(PlainDecimal? least, bool excludesLeast, PlainDecimal? greatest, bool excludesGreatest)
    {
        var alternatives = new List<GrammarNode>();
        if (least is not { IsNegative: false })
        {
            // Below zero the bounds change places.
            var near = greatest is { IsNegative: true } below ? below.Magnitude : PlainDecimal.Zero;
            var excludesNear = greatest is null || !greatest.Value.IsNegative ? greatest == PlainDecimal.Zero && excludesGreatest : excludesGreatest;
            alternatives.Add(grammar.Join(grammar.Literal("-"), Magnitudes(near, excludesNear, least?.Magnitude, excludesLeast)));
        }

        if (greatest is not { IsNegative: true })
        {
            var near = least is { IsNegative: false } above ? above : PlainDecimal.Zero;
            alternatives.Add(Magnitudes(near, least is { IsNegative: false } && excludesLeast, greatest, excludesGreatest));
        }

        return grammar.Choice([.. alternatives]);
    }

    /// <summary>Decimals that are not negative.</summary>
    private GrammarNode Magnitudes(PlainDecimal least, bool excludesLeast, PlainDecimal? greatest, bool excludesGreatest)
    {
        var from = BigInteger.Parse(least.Integral, CultureInfo.InvariantCulture);
        var to = greatest is { } bound ? BigInteger.Parse(bound.Integral, CultureInfo.InvariantCulture) : BigInteger.Max(s_greatest, from * 10);
        if (from > to)
        {
            return grammar.Nothing;
        }

        if (from == to && greatest is { } near)
        {
            return grammar.Join(Naturals(from, from), FractionsBetween(least.Fraction, excludesLeast, near.Fraction, excludesGreatest));
        }

        var any = grammar.Optional(terminals.Fraction);
        var alternatives = new List<GrammarNode> { grammar.Join(Naturals(from, from), FractionsFrom(least.Fraction, excludesLeast)) };
        var last = greatest is null ? to : to - 1;
        if (from + 1 <= last)
        {
            alternatives.Add(grammar.Join(Naturals(from + 1, last), any));
        }

        if (greatest is { } most)
        {
            alternatives.Add(grammar.Join(Naturals(to, to), FractionsTo(most.Fraction, excludesGreatest)));
        }

        return grammar.Choice([.. alternatives]);
    }

    private GrammarNode FractionsFrom(string least, bool excludes)
    {
        if (least.Length == 0 && !excludes)
        {
            return grammar.Optional(terminals.Fraction);
        }

        // What begins like the bound goes on with anything, or with something that is not zero.
        var more = grammar.Repeat(terminals.Digit, 0, JsonTerminals.MaxDigits);
        var rest = excludes
            ? grammar.Sequence(grammar.Repeat(grammar.Literal("0"), 0, FractionDigits), grammar.Bytes(ByteSet.Range('1', '9')), more)
            : more;
        for (var i = least.Length - 1; i >= 0; i--)
        {
            rest = grammar.Choice(
                grammar.Join(grammar.Literal(least[i].ToString()), rest),
                grammar.Join(grammar.Bytes(ByteSet.Range(least[i] + 1, '9')), more));
        }

        return grammar.Join(grammar.Literal("."), rest);
    }

    private GrammarNode FractionsTo(string greatest, bool excludes)
    {
        if (greatest.Length == 0)
        {
            return excludes ? grammar.Nothing : grammar.Empty;
        }

        var more = grammar.Repeat(terminals.Digit, 0, JsonTerminals.MaxDigits);
        var rest = excludes ? grammar.Nothing : grammar.Empty;
        for (var i = greatest.Length - 1; i >= 0; i--)
        {
            // Within the bound's digits the number may end, and is less then.
            var on = i == greatest.Length - 1 ? rest : grammar.Optional(rest);
            rest = grammar.Choice(
                grammar.Join(grammar.Literal(greatest[i].ToString()), on),
                grammar.Join(grammar.Bytes(ByteSet.Range('0', greatest[i] - 1)), more));
        }

        return grammar.Optional(grammar.Join(grammar.Literal("."), rest));
    }

    /// <summary>Fractions of equally many digits, which compare like integers.</summary>
    private GrammarNode FractionsBetween(string least, bool excludesLeast, string greatest, bool excludesGreatest)
    {
        var digits = Math.Max(FractionDigits, Math.Max(least.Length, greatest.Length) + 1);
        var from = BigInteger.Parse("0" + least.PadRight(digits, '0'), CultureInfo.InvariantCulture) + (excludesLeast ? 1 : 0);
        var to = BigInteger.Parse("0" + greatest.PadRight(digits, '0'), CultureInfo.InvariantCulture) - (excludesGreatest ? 1 : 0);
        if (from > to)
        {
            return grammar.Nothing;
        }

        var fraction = grammar.Join(grammar.Literal("."), Digits(Padded(from), Padded(to)));
        return from.IsZero ? grammar.Optional(fraction) : fraction;

        string Padded(BigInteger value) => value.ToString(CultureInfo.InvariantCulture).PadLeft(digits, '0');
    }

    private GrammarNode Naturals(BigInteger least, BigInteger greatest)
    {
        var (from, to) = (least.ToString(CultureInfo.InvariantCulture), greatest.ToString(CultureInfo.InvariantCulture));
        var alternatives = new List<GrammarNode>();
        for (var length = from.Length; length <= to.Length; length++)
        {
            alternatives.Add(Digits(
                length == from.Length ? from : "1".PadRight(length, '0'),
                length == to.Length ? to : new string('9', length)));
        }

        return grammar.Choice([.. alternatives]);
    }

    /// <summary>Strings of digits between two of the same length.</summary>
    private GrammarNode Digits(string from, string to)
    {
        var common = from.AsSpan().CommonPrefixLength(to);
        if (common == from.Length)
        {
            return grammar.Literal(from);
        }

        var any = grammar.Repeat(terminals.Digit, from.Length - common - 1, from.Length - common - 1);
        var low = grammar.Join(grammar.Literal(from[common].ToString()), AtLeast(from[(common + 1)..]));
        var high = grammar.Join(grammar.Literal(to[common].ToString()), AtMost(to[(common + 1)..]));
        var between = grammar.Join(grammar.Bytes(ByteSet.Range(from[common] + 1, to[common] - 1)), any);
        return grammar.Sequence(grammar.Literal(from[..common]), grammar.Choice(low, between, high));
    }

    private GrammarNode AtLeast(string digits)
    {
        var rest = grammar.Empty;
        for (var i = digits.Length - 1; i >= 0; i--)
        {
            rest = grammar.Choice(
                grammar.Join(grammar.Literal(digits[i].ToString()), rest),
                grammar.Join(grammar.Bytes(ByteSet.Range(digits[i] + 1, '9')), grammar.Repeat(terminals.Digit, digits.Length - 1 - i, digits.Length - 1 - i)));
        }

        return rest;
    }

    private GrammarNode AtMost(string digits)
    {
        var rest = grammar.Empty;
        for (var i = digits.Length - 1; i >= 0; i--)
        {
            rest = grammar.Choice(
                grammar.Join(grammar.Literal(digits[i].ToString()), rest),
                grammar.Join(grammar.Bytes(ByteSet.Range('0', digits[i] - 1)), grammar.Repeat(terminals.Digit, digits.Length - 1 - i, digits.Length - 1 - i)));
        }

        return rest;
    }
}
