using System.Globalization;
using System.Numerics;
using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Library;

/// <summary>Filters that read and round numbers.</summary>
internal static class NumberFilters
{
    private const int MaxDigits = 1000;

    /// <summary>An integer from a number or text; the default, 0, where it is neither.</summary>
    public static Value ToInteger(Value input, Arguments arguments, RenderBudget budget)
    {
        var bound = arguments.Bind("int", "default", "base");
        ThrowIfUndefined(input);
        if (Parameters.Integer(bound[1], "int", "base", fallback: 10) != 10)
        {
            throw new JinjaException("'int' reads base 10 only.");
        }

        if (Numbers.TryInteger(input, out var integer) || (input is StringValue text && TryRead(text, out integer, budget)))
        {
            return new IntegerValue(integer, input.Origin);
        }

        return TryReadReal(input, out var real, budget) && double.IsFinite(real)
            ? new IntegerValue(new BigInteger(real), input.Origin)
            : bound[0] ?? new IntegerValue(0);
    }

    /// <summary>A float from a number or text; the default, 0.0, where it is neither.</summary>
    public static Value ToFloat(Value input, Arguments arguments, RenderBudget budget)
    {
        var fallback = arguments.Bind("float", "default")[0];
        ThrowIfUndefined(input);
        return TryReadReal(input, out var real, budget) ? new FloatValue(real, input.Origin) : fallback ?? new FloatValue(0);
    }

    public static Value Absolute(Value input, Arguments arguments, RenderBudget budget) => input switch
    {
        FloatValue real => new FloatValue(Math.Abs(real.Number), real.Origin),
        _ when Numbers.TryInteger(input, out var integer) => new IntegerValue(BigInteger.Abs(integer), input.Origin),
        _ => throw new JinjaException($"'abs' needs a number, not '{input.TypeName}'."),
    };

    public static Value Round(Value input, Arguments arguments, RenderBudget budget)
    {
        var bound = arguments.Bind("round", "precision", "method");
        var precision = Parameters.Integer(bound[0], "round", "precision", fallback: 0);
        var method = bound[1] is null ? "common" : Parameters.Text(bound[1], "round", "method").Text;
        if (!Numbers.TryDouble(input, out var number))
        {
            throw new JinjaException($"'round' needs a number, not '{input.TypeName}'.");
        }

        if (method == "common")
        {
            if (input is not FloatValue)
            {
                return input;
            }

            var rounded = FloatText.Fixed(number, precision);
            budget.SpendCharacters(rounded.Length);
            return new FloatValue(double.Parse(rounded, CultureInfo.InvariantCulture), input.Origin);
        }

        var scale = Math.Pow(10, precision);
        return new FloatValue(
            method switch
            {
                "ceil" => Math.Ceiling(number * scale) / scale,
                "floor" => Math.Floor(number * scale) / scale,
                _ => throw new JinjaException("'round' knows the methods 'common', 'ceil' and 'floor'."),
            },
            input.Origin);
    }

    private static bool TryReadReal(Value input, out double number, RenderBudget budget)
    {
        if (input is not StringValue text)
        {
            return Numbers.TryDouble(input, out number);
        }

        number = 0;
        return MayBeNumber(text, budget) && double.TryParse(text.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out number);
    }

    private static bool TryRead(StringValue text, out BigInteger number, RenderBudget budget)
    {
        number = BigInteger.Zero;
        return MayBeNumber(text, budget) && BigInteger.TryParse(text.Text, NumberStyles.Integer, CultureInfo.InvariantCulture, out number);
    }

    // A longer text is no number, and costs nothing.
    private static bool MayBeNumber(StringValue text, RenderBudget budget)
    {
        if (text.Text.Length > MaxDigits)
        {
            return false;
        }

        budget.SpendCharacters(text.Text.Length);
        return true;
    }

    private static void ThrowIfUndefined(Value input)
    {
        if (input is UndefinedValue undefined)
        {
            throw undefined.Error();
        }
    }
}
