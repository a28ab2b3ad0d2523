using System.Globalization;
using System.Text;
using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Library;

/// <summary>Python's <c>str</c> and <c>repr</c>: how values look when they are printed.</summary>
internal static class PythonText
{
    /// <summary>A string as it is, with its origins; an undefined value as nothing; anything else as Python prints it.</summary>
    public static StringValue ToText(Value value, RenderBudget budget)
    {
        switch (value)
        {
            case StringValue text:
                return text;
            case UndefinedValue:
                return StringValue.Empty;
            case ListValue or DictValue:
                var builder = new StringValueBuilder(budget);
                AppendRepresentation(builder, value, value.Origin, budget);
                return builder.ToValue();
            default:
                var written = RepresentScalar(value);
                budget.Spend(1);
                budget.SpendCharacters(written.Length);
                return StringValue.Of(written, value.Origin);
        }
    }

    // Python's repr.
    private static void AppendRepresentation(StringValueBuilder builder, Value value, PromptOrigin origin, RenderBudget budget)
    {
        budget.Spend(1);
        switch (value)
        {
            case ListValue list:
                AppendList(builder, list, origin, budget);
                break;
            case DictValue dict:
                AppendDict(builder, dict, origin, budget);
                break;
            default:
                builder.Append(RepresentScalar(value), origin);
                break;
        }
    }

    private static string RepresentScalar(Value value) => value switch
    {
        NoneValue => "None",
        BooleanValue => value.IsTrue ? "True" : "False",
        IntegerValue integer => integer.Number.ToString(CultureInfo.InvariantCulture),
        FloatValue real => FloatText.Shortest(real.Number),
        StringValue text => Quote(text.Text),
        UndefinedValue => "Undefined",
        _ => $"<{value.TypeName}>",
    };

    private static void AppendList(StringValueBuilder builder, ListValue list, PromptOrigin origin, RenderBudget budget)
    {
        builder.Append(list.IsTuple ? "(" : "[", origin);
        for (var i = 0; i < list.Items.Count; i++)
        {
            builder.Append(i > 0 ? ", " : string.Empty, origin);
            AppendRepresentation(builder, list.Items[i], origin, budget);
        }

        builder.Append(!list.IsTuple ? "]" : list.Items.Count == 1 ? ",)" : ")", origin);
    }

    private static void AppendDict(StringValueBuilder builder, DictValue dict, PromptOrigin origin, RenderBudget budget)
    {
        var separator = "{";
        foreach (var (key, value) in dict.Entries)
        {
            builder.Append(separator, origin);
            AppendRepresentation(builder, key, origin, budget);
            builder.Append(": ", origin);
            AppendRepresentation(builder, value, origin, budget);
            separator = ", ";
        }

        builder.Append(dict.IsTrue ? "}" : "{}", origin);
    }

    private static string Quote(string text)
    {
        var quote = text.Contains('\'') && !text.Contains('"') ? '"' : '\'';
        var quoted = new StringBuilder(text.Length + 2).Append(quote);
        for (var i = 0; i < text.Length; i++)
        {
            var character = text[i];
            if (character == quote || character == '\\')
            {
                quoted.Append('\\').Append(character);
            }
            else if (char.IsSurrogatePair(text, i))
            {
                var rune = new Rune(character, text[++i]);
                quoted.Append(IsPrintable(Rune.GetUnicodeCategory(rune)) ? rune.ToString() : $"\\U{rune.Value:x8}");
            }
            else
            {
                quoted.Append(character switch
                {
                    '\n' => "\\n",
                    '\r' => "\\r",
                    '\t' => "\\t",
                    ' ' => " ",
                    _ when IsPrintable(char.GetUnicodeCategory(character)) => character.ToString(),
                    <= '\xff' => $"\\x{(int)character:x2}",
                    _ => $"\\u{(int)character:x4}",
                });
            }
        }

        return quoted.Append(quote).ToString();
    }

    private static bool IsPrintable(UnicodeCategory category) => category is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse
        or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        or UnicodeCategory.SpaceSeparator);
}
