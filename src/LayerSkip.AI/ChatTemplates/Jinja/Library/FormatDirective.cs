using System.Globalization;
using System.Numerics;
using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Library;

/// <summary>How one value is written into a format string: <c>%05.2f</c>, <c>{:&gt;8}</c>.</summary>
/// <param name="Type">s, d, f, x or X.</param>
/// <param name="Width">Least width in characters.</param>
/// <param name="Precision">Decimals of f, longest text of s; null where not given.</param>
/// <param name="Fill">What pads to the width.</param>
/// <param name="Align">&lt;, &gt;, ^, or, for numbers alone, = for padding between sign and digits; null for the type's own.</param>
/// <param name="PlusSign">Whether positive numbers get a sign.</param>
internal readonly record struct FormatDirective(char Type, int Width, int? Precision, char Fill, char? Align, bool PlusSign)
{
    // Longer widths and precisions are refused by the limit on texts.
    private const int MaxDigits = 9;

    /// <summary>Reads decimal digits; null where there are none.</summary>
    public static int? ReadNumber(string format, ref int position)
    {
        var start = position;
        while (position < format.Length && char.IsAsciiDigit(format[position]))
        {
            position++;
        }

        return position == start ? null
            : position - start > MaxDigits ? throw new JinjaException("a width or precision in a format is too large.")
            : int.Parse(format.AsSpan(start, position - start), CultureInfo.InvariantCulture);
    }

    /// <summary>Writes the value; what pads it comes from the format.</summary>
    public void Append(StringValueBuilder builder, Value value, PromptOrigin formatOrigin, RenderBudget budget)
    {
        var text = Type == 's'
            ? Shortened(PythonText.ToText(value, budget), budget)
            : StringValue.Of(WriteNumber(value), Value.LeastTrusted(value.Origin, formatOrigin));
        var padding = (long)Width - text.CodePointCount;
        var align = Align ?? (Type == 's' ? '<' : '>');
        var before = align switch { '<' => 0, '^' => padding / 2, _ => padding };
        if (align == '=' && text.Text[0] is '-' or '+')
        {
            builder.Append(text, 0, 1);
            text = text.Substring(1, text.Text.Length - 1, budget);
        }

        builder.AppendRepeated(Fill.ToString(), before, formatOrigin);
        builder.Append(text);
        builder.AppendRepeated(Fill.ToString(), padding - before, formatOrigin);
    }

    private StringValue Shortened(StringValue text, RenderBudget budget) => Precision is { } length && length < text.CodePointCount
        ? text.Substring(0, text.OffsetOf(length), budget)
        : text;

    private string WriteNumber(Value value)
    {
        var digits = Type == 'f' ? FloatText.Fixed(Real(value), Precision ?? 6) : WriteInteger(Integer(value));
        return PlusSign && digits[0] != '-' ? "+" + digits : digits;
    }

    private string WriteInteger(BigInteger number)
    {
        var digits = BigInteger.Abs(number) is var magnitude && Type == 'd'
            ? magnitude.ToString(CultureInfo.InvariantCulture)
            : magnitude.ToString(Type.ToString(), CultureInfo.InvariantCulture).TrimStart('0');
        return (number.Sign < 0 ? "-" : string.Empty) + (digits.Length == 0 ? "0" : digits);
    }

    private static double Real(Value value) => Numbers.TryDouble(value, out var number) ? number : throw NotANumber(value);

    private static BigInteger Integer(Value value)
    {
        if (Numbers.TryInteger(value, out var integer))
        {
            return integer;
        }

        return value is FloatValue { Number: var real } && double.IsFinite(real) ? new BigInteger(real) : throw NotANumber(value);
    }

    private static JinjaException NotANumber(Value value) => new($"the format needs a number, not '{value.TypeName}'.");
}
