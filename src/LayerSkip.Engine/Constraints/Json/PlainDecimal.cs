using System.Globalization;
using System.Numerics;

namespace LayerSkip.Engine.Constraints.Json;

/// <summary>A decimal number written out: its digits before and behind the point, without zeros that mean nothing.</summary>
/// <param name="IsNegative">Below zero.</param>
/// <param name="Integral">Digits before the point; "0" where there is none.</param>
/// <param name="Fraction">Digits behind the point; empty where there is none.</param>
internal readonly record struct PlainDecimal(bool IsNegative, string Integral, string Fraction)
{
    private const int MaxExponent = 400;

    public static PlainDecimal Zero { get; } = new(false, "0", "");

    /// <summary>The number without its sign.</summary>
    public PlainDecimal Magnitude => this with { IsNegative = false };

    /// <summary>Reads a JSON number.</summary>
    /// <returns>Null where it has more digits than anyone means.</returns>
    public static PlainDecimal? Parse(string json)
    {
        var negative = json.StartsWith('-');
        var text = json.AsSpan(negative ? 1 : 0);
        var exponent = 0;
        if (text.IndexOfAny('e', 'E') is >= 0 and var mark)
        {
            if (!int.TryParse(text[(mark + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent))
            {
                return null;
            }

            text = text[..mark];
        }

        var point = text.IndexOf('.');
        var digits = point < 0 ? text.ToString() : string.Concat(text[..point], text[(point + 1)..]);
        var place = (point < 0 ? digits.Length : point) + (long)exponent;
        if (place is < -MaxExponent or > MaxExponent || digits.Length > MaxExponent)
        {
            return null;
        }

        if (place < 0)
        {
            (digits, place) = (new string('0', (int)-place) + digits, 0);
        }

        digits = digits.PadRight((int)place, '0');
        var integral = digits[..(int)place].TrimStart('0');
        var fraction = digits[(int)place..].TrimEnd('0');
        return new(negative && integral.Length + fraction.Length > 0, integral.Length == 0 ? "0" : integral, fraction);
    }

    /// <summary>Less than, equal to or greater than 0, as <paramref name="x"/> is less than, equal to or greater than <paramref name="y"/>.</summary>
    public static int Compare(PlainDecimal x, PlainDecimal y)
    {
        if (x.IsNegative != y.IsNegative)
        {
            return x.IsNegative ? -1 : 1;
        }

        var order = x.Integral.Length != y.Integral.Length
            ? x.Integral.Length.CompareTo(y.Integral.Length)
            : string.CompareOrdinal(x.Integral + x.Fraction, y.Integral + y.Fraction);
        return x.IsNegative ? -order : order;
    }

    /// <summary>The greatest integer that is no greater.</summary>
    public BigInteger Floor() => Truncated() - (IsNegative && Fraction.Length > 0 ? 1 : 0);

    /// <summary>The least integer that is no less.</summary>
    public BigInteger Ceiling() => Truncated() + (!IsNegative && Fraction.Length > 0 ? 1 : 0);

    private BigInteger Truncated() =>
        BigInteger.Parse(Integral, CultureInfo.InvariantCulture) * (IsNegative ? -1 : 1);
}
