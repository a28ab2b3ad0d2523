using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Library;

/// <summary>What iterating over a value gives.</summary>
internal static class Sequences
{
    public static bool IsIterable(Value value) => value is ListValue or DictValue or StringValue or UndefinedValue;

    /// <summary>A list's items, a dict's keys, a string's characters; nothing for an undefined value.</summary>
    public static IReadOnlyList<Value> Items(Value value, RenderBudget budget)
    {
        switch (value)
        {
            case ListValue list:
                budget.SpendItems(list.Items.Count);
                return list.Items;
            case DictValue dict:
                budget.SpendItems(dict.Entries.Count);
                return [.. dict.Entries.Select(entry => entry.Key)];
            case StringValue text:
                return Characters(text, budget);
            case UndefinedValue:
                return [];
            default:
                throw new JinjaException($"a value of type '{value.TypeName}' cannot be iterated over.");
        }
    }

    /// <summary>Number of items, null where the value has no length.</summary>
    public static int? Count(Value value) => value switch
    {
        ListValue list => list.Items.Count,
        DictValue dict => dict.Entries.Count,
        StringValue text => text.CodePointCount,
        UndefinedValue => 0,
        _ => null,
    };

    private static StringValue[] Characters(StringValue text, RenderBudget budget)
    {
        budget.SpendItems(text.CodePointCount);
        budget.Spend(text.CodePointCount);
        var characters = new StringValue[text.CodePointCount];
        for (var i = 0; i < characters.Length; i++)
        {
            characters[i] = text.CodePoint(i, budget);
        }

        return characters;
    }
}
