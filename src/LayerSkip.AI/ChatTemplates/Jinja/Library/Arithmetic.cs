using System.Numerics;
using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Library;

/// <summary>The arithmetic operators, on numbers, strings and lists.</summary>
internal static class Arithmetic
{
    public static Value Apply(string operation, Value left, Value right, RenderBudget budget)
    {
        if (operation == "~")
        {
            return Concatenate(PythonText.ToText(left, budget), PythonText.ToText(right, budget), budget);
        }

        ThrowIfUndefined(left);
        ThrowIfUndefined(right);
        return (operation, left, right) switch
        {
            ("+", StringValue first, StringValue second) => Concatenate(first, second, budget),
            ("+", ListValue first, ListValue second) when first.IsTuple == second.IsTuple => Concatenate(first, second, budget),
            ("*", StringValue text, _) when Numbers.TryInteger(right, out var count) => Repeat(text, count, budget),
            ("*", _, StringValue text) when Numbers.TryInteger(left, out var count) => Repeat(text, count, budget),
            ("*", ListValue list, _) when Numbers.TryInteger(right, out var count) => Repeat(list, count, budget),
            ("*", _, ListValue list) when Numbers.TryInteger(left, out var count) => Repeat(list, count, budget),
            ("%", StringValue format, _) => PercentFormat.Format(format, right, budget),
            _ => ApplyToNumbers(operation, left, right, budget),
        };
    }

    /// <summary>Unary minus and plus.</summary>
    public static Value Signed(Value operand, bool isPositive)
    {
        ThrowIfUndefined(operand);
        if (Numbers.TryInteger(operand, out var integer))
        {
            return new IntegerValue(isPositive ? integer : -integer, operand.Origin);
        }

        return operand is FloatValue real
            ? new FloatValue(isPositive ? real.Number : -real.Number, operand.Origin)
            : throw new JinjaException($"a value of type '{operand.TypeName}' cannot have a sign.");
    }

    private static void ThrowIfUndefined(Value value)
    {
        if (value is UndefinedValue undefined)
        {
            throw undefined.Error();
        }
    }

    public static StringValue Concatenate(StringValue left, StringValue right, RenderBudget budget)
    {
        var builder = new StringValueBuilder(budget);
        builder.Append(left);
        builder.Append(right);
        return builder.ToValue();
    }

    private static ListValue Concatenate(ListValue left, ListValue right, RenderBudget budget)
    {
        budget.SpendItems((long)left.Items.Count + right.Items.Count);
        return new ListValue([.. left.Items, .. right.Items], left.IsTuple);
    }

    private static StringValue Repeat(StringValue text, BigInteger count, RenderBudget budget)
    {
        if (text.Text.Length == 0 || count <= 0)
        {
            return StringValue.Empty;
        }

        budget.CheckTextLength((long)BigInteger.Min(count * text.Text.Length, long.MaxValue));
        var builder = new StringValueBuilder(budget);
        if (text.Runs.Length == 1)
        {
            builder.AppendRepeated(text.Text, (long)count, text.Origin);
            return builder.ToValue();
        }

        for (var i = 0; i < count; i++)
        {
            builder.Append(text);
        }

        return builder.ToValue();
    }

    private static ListValue Repeat(ListValue list, BigInteger count, RenderBudget budget)
    {
        if (list.Items.Count == 0 || count <= 0)
        {
            return new ListValue([], list.IsTuple);
        }

        budget.SpendItems((long)BigInteger.Min(count * list.Items.Count, long.MaxValue));
        return new ListValue([.. Enumerable.Repeat(list.Items, (int)count).SelectMany(items => items)], list.IsTuple);
    }

    private static Value ApplyToNumbers(string operation, Value left, Value right, RenderBudget budget)
    {
        budget.SpendCharacters(Numbers.Length(left) + Numbers.Length(right));
        var origin = Value.LeastTrusted(left.Origin, right.Origin);
        if (Numbers.TryInteger(left, out var leftInteger) && Numbers.TryInteger(right, out var rightInteger)
            && ApplyToIntegers(operation, leftInteger, rightInteger) is { } integer)
        {
            var result = new IntegerValue(integer, origin);
            budget.SpendCharacters(Numbers.Length(result));
            return result;
        }

        return Numbers.TryDouble(left, out var leftReal) && Numbers.TryDouble(right, out var rightReal)
            ? new FloatValue(ApplyToReals(operation, leftReal, rightReal), origin)
            : throw new JinjaException($"'{operation}' does not work between '{left.TypeName}' and '{right.TypeName}'.");
    }

    // Null where Python answers with a float.
    private static BigInteger? ApplyToIntegers(string operation, BigInteger left, BigInteger right) => operation switch
    {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "//" => FloorDivide(left, NotZero(right)),
        "%" => left - (FloorDivide(left, NotZero(right)) * right),
        "**" when right.Sign >= 0 => Power(left, right),
        _ => null,
    };

    private static double ApplyToReals(string operation, double left, double right) => operation switch
    {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" => left / NotZero(right),
        "//" => Math.Floor(left / NotZero(right)),
        "%" => left - (Math.Floor(left / NotZero(right)) * right),
        _ => Math.Pow(left, right),
    };

    private static BigInteger FloorDivide(BigInteger left, BigInteger right)
    {
        var quotient = BigInteger.DivRem(left, right, out var remainder);
        return remainder.Sign * right.Sign < 0 ? quotient - 1 : quotient;
    }

    private static BigInteger Power(BigInteger number, BigInteger exponent)
    {
        if (number.IsZero || number.IsOne || number == BigInteger.MinusOne)
        {
            return BigInteger.Pow(number, exponent.IsEven ? (exponent.IsZero ? 0 : 2) : 1);
        }

        return exponent * (BigInteger.Abs(number).GetBitLength() - 1) <= IntegerValue.MaxBits
            ? BigInteger.Pow(number, (int)exponent)
            : throw new JinjaException($"an integer would grow past {IntegerValue.MaxBits} bits.");
    }

    private static BigInteger NotZero(BigInteger divisor) => divisor.IsZero ? throw new JinjaException("division by zero.") : divisor;

    private static double NotZero(double divisor) => divisor == 0 ? throw new JinjaException("division by zero.") : divisor;
}
