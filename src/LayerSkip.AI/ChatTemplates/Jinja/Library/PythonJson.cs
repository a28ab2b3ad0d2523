using System.Globalization;
using System.Text;
using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Library;

/// <summary>The filter <c>tojson</c> as transformers defines it: Python's <c>json.dumps</c>, without escaping HTML.</summary>
internal sealed class PythonJson
{
    private readonly RenderBudget _budget;
    private readonly StringValueBuilder _output;
    private readonly PromptOrigin _origin;
    private readonly bool _asciiOnly;
    private readonly bool _sortKeys;
    private readonly string? _indent;
    private readonly string _itemSeparator;
    private readonly string _keySeparator;

    private PythonJson(Value value, Arguments arguments, RenderBudget budget)
    {
        var bound = arguments.Bind("tojson", "ensure_ascii", "indent", "separators", "sort_keys");
        _budget = budget;
        _output = new StringValueBuilder(budget);
        _asciiOnly = bound[0]?.IsTrue ?? false;
        _sortKeys = bound[3]?.IsTrue ?? false;
        _indent = bound[1] switch
        {
            null or NoneValue => null,
            StringValue text => text.Text,
            { } width => Spaces(Numbers.ToInt32(width, "the indent of 'tojson'"), budget),
        };
        (_itemSeparator, _keySeparator) = bound[2] switch
        {
            null or NoneValue => (_indent is null ? ", " : ",", ": "),
            ListValue { Items: [StringValue item, StringValue key] } => (item.Text, key.Text),
            _ => throw new JinjaException("the separators of 'tojson' must be two strings."),
        };
        _origin = bound.Aggregate(value.Origin, (origin, argument) => Value.LeastTrusted(origin, argument?.Origin ?? origin));
    }

    public static StringValue Write(Value value, Arguments arguments, RenderBudget budget)
    {
        var writer = new PythonJson(value, arguments, budget);
        writer.Append(value, depth: 0);
        return writer._output.ToValue();
    }

    private static string Spaces(int width, RenderBudget budget)
    {
        width = Math.Max(width, 0);
        budget.CheckTextLength(width);
        budget.SpendCharacters(width);
        return new string(' ', width);
    }

    private void Append(Value value, int depth)
    {
        _budget.Spend(1);
        switch (value)
        {
            case NoneValue or BooleanValue or IntegerValue or FloatValue:
                Append(Scalar(value));
                break;
            case StringValue text:
                Append(Quote(text.Text));
                break;
            case ListValue list:
                AppendContainer('[', ']', list.Items, item => Append(item, depth + 1), depth);
                break;
            case DictValue dict:
                AppendContainer('{', '}', Entries(dict), entry => AppendEntry(entry, depth + 1), depth);
                break;
            default:
                throw new JinjaException($"'tojson' cannot write a value of type '{value.TypeName}'.");
        }
    }

    private void AppendEntry(KeyValuePair<Value, Value> entry, int depth)
    {
        Append(Quote(entry.Key is StringValue key ? key.Text : Scalar(entry.Key)));
        Append(_keySeparator);
        Append(entry.Value, depth);
    }

    private void AppendContainer<T>(char open, char close, IReadOnlyCollection<T> items, Action<T> append, int depth)
    {
        Append(open.ToString());
        var isFirst = true;
        foreach (var item in items)
        {
            Append(isFirst ? string.Empty : _itemSeparator);
            AppendNewLine(depth + 1);
            append(item);
            isFirst = false;
        }

        if (!isFirst)
        {
            AppendNewLine(depth);
        }

        Append(close.ToString());
    }

    private void AppendNewLine(int depth)
    {
        if (_indent is not null)
        {
            Append("\n");
            for (var i = 0; i < depth; i++)
            {
                Append(_indent);
            }
        }
    }

    private IReadOnlyCollection<KeyValuePair<Value, Value>> Entries(DictValue dict) =>
        _sortKeys ? Sorting.By(dict.Entries, entry => entry.Key, isReversed: false, _budget) : dict.Entries;

    private static string Scalar(Value value) => value switch
    {
        NoneValue => "null",
        BooleanValue => value.IsTrue ? "true" : "false",
        FloatValue real when !double.IsFinite(real.Number) => double.IsNaN(real.Number) ? "NaN" : real.Number > 0 ? "Infinity" : "-Infinity",
        FloatValue real => FloatText.Shortest(real.Number),
        _ => ((IntegerValue)value).Number.ToString(CultureInfo.InvariantCulture),
    };

    private string Quote(string text)
    {
        var quoted = new StringBuilder(text.Length + 2).Append('"');
        foreach (var character in text)
        {
            var escape = character switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\b' => "\\b",
                '\f' => "\\f",
                _ => null,
            };
            if (escape is not null)
            {
                quoted.Append(escape);
            }
            else if (character < ' ' || (_asciiOnly && character > '~'))
            {
                quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}");
            }
            else
            {
                quoted.Append(character);
            }
        }

        return quoted.Append('"').ToString();
    }

    private void Append(string text) => _output.Append(text, _origin);
}
