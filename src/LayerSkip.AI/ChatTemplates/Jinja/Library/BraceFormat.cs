using System.Globalization;
using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Library;

/// <summary>Python's <c>'{} has {count:02d}'.format(name, count=3)</c>. Literal parts and values keep their origins.</summary>
internal static class BraceFormat
{
    public static Value Format(StringValue format, Arguments arguments, RenderBudget budget)
    {
        var source = format.Text;
        var builder = new StringValueBuilder(budget);
        var named = DictValue.Create(arguments.NamedEntries, budget);
        var next = 0;
        for (var position = 0; position < source.Length;)
        {
            var brace = source.AsSpan(position).IndexOfAny('{', '}');
            var end = brace < 0 ? source.Length : position + brace;
            builder.Append(format, position, end - position);
            if (brace < 0)
            {
                break;
            }

            budget.Spend(1);
            position = end + 1;
            if (position < source.Length && source[position] == source[end])
            {
                builder.Append(format, position++, 1);
                continue;
            }

            var close = source[end] == '{' ? source.IndexOf('}', position) : -1;
            if (close < 0)
            {
                throw new JinjaException("the format has a single brace: double it to print it.");
            }

            budget.SpendCharacters(close - position);
            var (field, specification) = source[position..close].Split(':', 2) is [var head, var tail] ? (head, tail) : (source[position..close], string.Empty);
            var value = Find(field, arguments.Positional, named, ref next, budget);
            ReadDirective(specification, value).Append(builder, value, format.Origin, budget);
            position = close + 1;
        }

        return builder.ToValue();
    }

    private static Value Find(string field, IReadOnlyList<Value> positional, DictValue named, ref int next, RenderBudget budget)
    {
        if (field.Length == 0 || int.TryParse(field, NumberStyles.None, CultureInfo.InvariantCulture, out _))
        {
            var index = field.Length == 0 ? next++ : int.Parse(field, CultureInfo.InvariantCulture);
            return index < positional.Count
                ? positional[index]
                : throw new JinjaException($"the format has no value number {index}.");
        }

        return named.TryGet(StringValue.Of(field, PromptOrigin.Template), budget, out var value)
            ? value
            : throw new JinjaException($"the format has no value for '{{{JinjaException.Shorten(field)}}}'.");
    }

    // [[fill]align][sign][0][width][.precision][type]
    private static FormatDirective ReadDirective(string specification, Value value)
    {
        var position = 0;
        var (fill, align) = (' ', (char?)null);
        if (specification.Length > 1 && specification[1] is '<' or '>' or '^' or '=')
        {
            (fill, align, position) = (specification[0], specification[1], 2);
        }
        else if (specification.Length > 0 && specification[0] is '<' or '>' or '^' or '=')
        {
            (align, position) = (specification[0], 1);
        }

        // Zeros fill on the side that the alignment says: with a number's own, behind its sign.
        var isFillGiven = position == 2;
        var plus = Take('+');
        var isZeroFilled = !isFillGiven && Take('0');
        var width = FormatDirective.ReadNumber(specification, ref position) ?? 0;
        var precision = Take('.') ? FormatDirective.ReadNumber(specification, ref position) : null;
        var type = position < specification.Length ? specification[position++]
            : precision is not null && value is FloatValue ? 'f'
            : value is IntegerValue ? 'd' : 's';
        if (position < specification.Length || type is not ('s' or 'd' or 'f' or 'x' or 'X'))
        {
            throw new JinjaException($"the format specification {JinjaException.Quote(specification)} is not supported.");
        }

        if (type == 's' && align == '=')
        {
            throw new JinjaException($"the format specification {JinjaException.Quote(specification)} needs a number, not '{value.TypeName}'.");
        }

        if (isZeroFilled)
        {
            fill = '0';
            align ??= type == 's' ? '<' : '=';
        }

        return new FormatDirective(type, width, precision, fill, align, plus);

        bool Take(char character)
        {
            var holds = position < specification.Length && specification[position] == character;
            position += holds ? 1 : 0;
            return holds;
        }
    }
}
