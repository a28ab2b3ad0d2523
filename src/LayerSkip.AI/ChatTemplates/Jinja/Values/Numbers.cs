using System.Diagnostics.CodeAnalysis;
using System.Numerics;

namespace LayerSkip.AI.ChatTemplates.Jinja.Values;

/// <summary>Reads values as numbers. A boolean counts as 0 or 1, as in Python.</summary>
internal static class Numbers
{
    public static bool TryInteger(Value value, out BigInteger number)
    {
        (var isInteger, number) = value switch
        {
            IntegerValue integer => (true, integer.Number),
            BooleanValue boolean => (true, boolean.IsTrue ? BigInteger.One : BigInteger.Zero),
            _ => (false, BigInteger.Zero),
        };
        return isInteger;
    }

    public static bool TryDouble(Value value, out double number)
    {
        if (value is FloatValue real)
        {
            number = real.Number;
            return true;
        }

        var isInteger = TryInteger(value, out var integer);
        number = (double)integer;
        return isInteger;
    }

    /// <summary>Sign of left - right; null where one is not a number, or is not comparable (NaN).</summary>
    public static int? TryCompare(Value left, Value right)
    {
        if (TryInteger(left, out var leftInteger) && TryInteger(right, out var rightInteger))
        {
            return leftInteger.CompareTo(rightInteger);
        }

        return TryDouble(left, out var leftReal) && TryDouble(right, out var rightReal) && !double.IsNaN(leftReal) && !double.IsNaN(rightReal)
            ? leftReal.CompareTo(rightReal)
            : null;
    }

    /// <summary>An argument that must be an integer of moderate size; a larger one is as good as the largest.</summary>
    public static int ToInt32(Value value, string what) => TryInteger(value, out var number)
        ? (int)BigInteger.Clamp(number, int.MinValue, int.MaxValue)
        : throw new JinjaException($"{what} must be an integer, not '{value.TypeName}'.");
}
