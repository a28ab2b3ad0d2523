using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Library;

/// <summary>Python's <c>'%s has %d' % (name, count)</c>, and the filter <c>format</c>. Literal parts and values keep their origins.</summary>
internal static class PercentFormat
{
    /// <param name="format">The text with its directives.</param>
    /// <param name="values">A tuple of values, a dict for directives such as <c>%(name)s</c>, or the one value.</param>
    /// <param name="budget">The rendering's budget.</param>
    public static StringValue Format(StringValue format, Value values, RenderBudget budget)
    {
        var source = format.Text;
        var builder = new StringValueBuilder(budget);
        var positional = values is ListValue { IsTuple: true } tuple ? tuple.Items : [values];
        var used = 0;
        for (var position = 0; position < source.Length;)
        {
            var directive = source.IndexOf('%', position);
            var end = directive < 0 ? source.Length : directive;
            builder.Append(format, position, end - position);
            if (directive < 0)
            {
                break;
            }

            budget.Spend(1);
            position = directive + 1;
            if (position < source.Length && source[position] == '%')
            {
                builder.Append(format, position++, 1);
                continue;
            }

            var name = ReadName(source, ref position);
            var parsed = ReadDirective(source, ref position);
            var value = name is not null ? Named(values, name, budget)
                : used < positional.Count ? positional[used++]
                : throw new JinjaException("the format has more directives than there are values.");
            parsed.Append(builder, value, format.Origin, budget);
        }

        return used < positional.Count && values is not DictValue
            ? throw new JinjaException("the format has fewer directives than there are values.")
            : builder.ToValue();
    }

    private static string? ReadName(string source, ref int position)
    {
        if (position >= source.Length || source[position] != '(')
        {
            return null;
        }

        var close = source.IndexOf(')', position);
        if (close < 0)
        {
            throw new JinjaException("a '%(' in the format has no ')'.");
        }

        var name = source[(position + 1)..close];
        position = close + 1;
        return name;
    }

    private static Value Named(Value values, string name, RenderBudget budget) =>
        values is DictValue dict && dict.TryGet(StringValue.Of(name, PromptOrigin.Template), budget, out var value)
            ? value
            : throw new JinjaException($"the format has no value for '%({JinjaException.Shorten(name)})'.");

    private static FormatDirective ReadDirective(string source, ref int position)
    {
        var (left, zero, plus) = (false, false, false);
        for (; position < source.Length && source[position] is '-' or '0' or '+'; position++)
        {
            left |= source[position] == '-';
            zero |= source[position] == '0';
            plus |= source[position] == '+';
        }

        var width = FormatDirective.ReadNumber(source, ref position) ?? 0;
        int? precision = null;
        if (position < source.Length && source[position] == '.')
        {
            position++;
            precision = FormatDirective.ReadNumber(source, ref position) ?? 0;
        }

        var type = position < source.Length ? source[position++] : '\0';
        if (type is not ('s' or 'd' or 'i' or 'u' or 'f' or 'F' or 'x' or 'X'))
        {
            throw new JinjaException("a format's directive must end in one of s, d, i, u, f, F, x, X.");
        }

        var isNumber = type != 's';
        return new FormatDirective(
            type switch { 'i' or 'u' => 'd', 'F' => 'f', _ => type },
            width,
            precision,
            Fill: zero && !left && isNumber ? '0' : ' ',
            Align: left ? '<' : zero && isNumber ? '=' : '>',
            PlusSign: plus);
    }
}
