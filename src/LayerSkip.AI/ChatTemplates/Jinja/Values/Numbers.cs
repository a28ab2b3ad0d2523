using System.Diagnostics.CodeAnalysis;
using System.Numerics;

namespace LayerSkip.AI.ChatTemplates.Jinja.Values;

/// <summary>Reads values as numbers. A boolean counts as 0 or 1, as in Python.</summary>
internal static class Numbers
{
    private const int BitsPerCharacter = 16;

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

    /// <summary>What work on a number costs, in characters that take up as much: nothing for all but large integers.</summary>
    public static long Length(Value value) => value is IntegerValue integer ? integer.Number.GetBitLength() / BitsPerCharacter : 0;

    /// <summary>Sign of left - right, exactly; null where one is not a number, or is not comparable (NaN).</summary>
    public static int? TryCompare(Value left, Value right) => (left, right) switch
    {
        (FloatValue { Number: double.NaN }, _) or (_, FloatValue { Number: double.NaN }) => null,
        (FloatValue first, FloatValue second) => first.Number.CompareTo(second.Number),
        (FloatValue first, _) when TryInteger(right, out var second) => -Compare(second, first.Number),
        (_, FloatValue second) when TryInteger(left, out var first) => Compare(first, second.Number),
        _ => TryInteger(left, out var first) && TryInteger(right, out var second) ? first.CompareTo(second) : null,
    };

    // As doubles they would be equal where the double nearest to the integer is the other number.
    private static int Compare(BigInteger integer, double real)
    {
        if (!double.IsFinite(real))
        {
            return real > 0 ? -1 : 1;
        }

        var floor = Math.Floor(real);
        var order = integer.CompareTo(new BigInteger(floor));
        return order == 0 && floor < real ? -1 : order;
    }

    /// <summary>An argument that must be an integer of moderate size; a larger one is as good as the largest.</summary>
    public static int ToInt32(Value value, string what) => TryInteger(value, out var number)
        ? (int)BigInteger.Clamp(number, int.MinValue, int.MaxValue)
        : throw new JinjaException($"{what} must be an integer, not '{value.TypeName}'.");
}
