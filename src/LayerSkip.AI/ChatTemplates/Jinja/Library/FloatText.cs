using System.Globalization;
using System.Numerics;

namespace LayerSkip.AI.ChatTemplates.Jinja.Library;

/// <summary>How Python writes floats.</summary>
internal static class FloatText
{
    /// <summary>The digits of a fixed notation that may be asked for.</summary>
    public const int MaxPrecision = 100;

    /// <summary>The shortest digits that read back as the same number: 1.0, 0.1, 1e-05, 1e+16.</summary>
    public static string Shortest(double number)
    {
        if (!double.IsFinite(number))
        {
            return double.IsNaN(number) ? "nan" : number > 0 ? "inf" : "-inf";
        }

        // .NET and Python agree on the digits, but not on where the exponent begins.
        var (digits, exponent) = ShortestDigits(Math.Abs(number));
        var sign = double.IsNegative(number) ? "-" : string.Empty;
        if (exponent is < -4 or >= 16)
        {
            var fraction = digits.Length > 1 ? "." + digits[1..] : string.Empty;
            return $"{sign}{digits[0]}{fraction}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
        }

        if (exponent < 0)
        {
            return $"{sign}0.{new string('0', -exponent - 1)}{digits}";
        }

        return digits.Length <= exponent + 1
            ? $"{sign}{digits.PadRight(exponent + 1, '0')}.0"
            : $"{sign}{digits[..(exponent + 1)]}.{digits[(exponent + 1)..]}";
    }

    /// <summary>A fixed number of decimals, rounded exactly, ties to the even digit.</summary>
    public static string Fixed(double number, int decimals)
    {
        if (!double.IsFinite(number))
        {
            return Shortest(number);
        }

        if (decimals is < 0 or > MaxPrecision)
        {
            throw new JinjaException($"a precision must be between 0 and {MaxPrecision}, not {decimals}.");
        }

        // |number| = mantissa * 2^exponent, exactly.
        var bits = BitConverter.DoubleToInt64Bits(Math.Abs(number));
        var biased = (int)(bits >> 52);
        var mantissa = new BigInteger(biased == 0 ? bits : (bits & ((1L << 52) - 1)) | (1L << 52));
        var exponent = Math.Max(biased, 1) - 1075;
        var scaled = mantissa * BigInteger.Pow(10, decimals);
        if (exponent >= 0)
        {
            scaled <<= exponent;
        }
        else
        {
            var unit = BigInteger.One << -exponent;
            scaled = BigInteger.DivRem(scaled, unit, out var remainder);
            var comparison = (remainder * 2).CompareTo(unit);
            scaled += comparison > 0 || (comparison == 0 && !scaled.IsEven) ? 1 : 0;
        }

        var digits = scaled.ToString(CultureInfo.InvariantCulture).PadLeft(decimals + 1, '0');
        var text = decimals == 0 ? digits : $"{digits[..^decimals]}.{digits[^decimals..]}";
        return double.IsNegative(number) ? "-" + text : text;
    }

    // The significant digits without zeros at either end, and the decimal exponent of the first.
    private static (string Digits, int Exponent) ShortestDigits(double number)
    {
        if (number == 0)
        {
            return ("0", 0);
        }

        var text = number.ToString("R", CultureInfo.InvariantCulture);
        var end = text.IndexOf('E');
        var exponent = end < 0 ? 0 : int.Parse(text.AsSpan(end + 1), CultureInfo.InvariantCulture);
        var mantissa = end < 0 ? text : text[..end];
        var point = mantissa.IndexOf('.');
        var digits = mantissa.Replace(".", string.Empty, StringComparison.Ordinal);
        var leadingZeros = digits.Length - digits.TrimStart('0').Length;
        exponent += (point < 0 ? mantissa.Length : point) - 1 - leadingZeros;
        return (digits.Trim('0'), exponent);
    }
}
