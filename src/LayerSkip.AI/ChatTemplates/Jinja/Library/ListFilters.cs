using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Library;

/// <summary>Filters on lists, and on whatever can be iterated over.</summary>
internal static class ListFilters
{
    public static Value Length(Value input, Arguments arguments, RenderBudget budget) => Sequences.Count(input) is { } count
        ? new IntegerValue(count, input.Origin)
        : throw new JinjaException($"a value of type '{input.TypeName}' has no length.");

    public static Value First(Value input, Arguments arguments, RenderBudget budget) => input switch
    {
        StringValue { IsTrue: true } text => text.CodePoint(0, budget),
        _ => Sequences.Items(input, budget) is [var first, ..] ? first : new UndefinedValue(static () => "an empty list has no first item"),
    };

    public static Value Last(Value input, Arguments arguments, RenderBudget budget) => input switch
    {
        StringValue { IsTrue: true } text => text.CodePoint(text.CodePointCount - 1, budget),
        _ => Sequences.Items(input, budget) is [.., var last] ? last : new UndefinedValue(static () => "an empty list has no last item"),
    };

    public static Value Join(Value input, Arguments arguments, RenderBudget budget)
    {
        var bound = arguments.Bind("join", "d", "attribute");
        var items = Sequences.Items(input, budget);
        if (bound[1] is { } attribute and not NoneValue)
        {
            var path = AttributePath.Parse(attribute, budget);
            items = [.. items.Select(item => path.Read(item, budget))];
        }

        return TextOperations.Join(items, PythonText.ToText(bound[0] ?? StringValue.Empty, budget), budget);
    }

    public static Value Reverse(Value input, Arguments arguments, RenderBudget budget) => input is StringValue
        ? Slicing.Slice(input, start: null, stop: null, step: -1, budget)
        : new ListValue([.. Sequences.Items(input, budget).Reverse()]);

    public static Value Sort(Value input, Arguments arguments, RenderBudget budget)
    {
        var bound = arguments.Bind("sort", "reverse", "case_sensitive", "attribute");
        return new ListValue(Sorting.By(Sequences.Items(input, budget), SortKey(bound[1], bound[2], budget), isReversed: bound[0]?.IsTrue ?? false, budget));
    }

    public static Value Unique(Value input, Arguments arguments, RenderBudget budget)
    {
        var bound = arguments.Bind("unique", "case_sensitive", "attribute");
        var key = SortKey(bound[0], bound[1], budget);
        var seen = new HashSet<Value>(ScalarEquality.Instance);
        return new ListValue([.. Sequences.Items(input, budget).Where(IsNew)]);

        bool IsNew(Value item)
        {
            var sought = key(item);
            budget.SpendCharacters(ScalarEquality.Length(sought));
            return ScalarEquality.IsScalar(sought)
                ? seen.Add(sought)
                : throw new JinjaException($"'unique' compares strings and numbers, not '{sought.TypeName}'.");
        }
    }

    public static Value Extreme(string name, Value input, Arguments arguments, int sign, RenderBudget budget)
    {
        var bound = arguments.Bind(name, "case_sensitive", "attribute");
        var key = SortKey(bound[0], bound[1], budget);
        Value? extreme = null, extremeKey = null;
        foreach (var item in Sequences.Items(input, budget))
        {
            var itemKey = key(item);
            if (extremeKey is null || Math.Sign(Comparison.Order(itemKey, extremeKey, budget) ?? 0) == sign)
            {
                (extreme, extremeKey) = (item, itemKey);
            }
        }

        return extreme ?? new UndefinedValue(static () => "an empty list has no least or greatest item");
    }

    public static Value Sum(Value input, Arguments arguments, RenderBudget budget)
    {
        var bound = arguments.Bind("sum", "attribute", "start");
        var path = bound[0] is { } attribute and not NoneValue ? AttributePath.Parse(attribute, budget) : null;
        var sum = bound[1] ?? new IntegerValue(0);
        foreach (var item in Sequences.Items(input, budget))
        {
            budget.Spend(1);
            sum = Arithmetic.Apply("+", sum, path?.Read(item, budget) ?? item, budget);
        }

        return sum;
    }

    public static Value Items(Value input, Arguments arguments, RenderBudget budget) => input switch
    {
        DictValue dict => dict.ToPairs(budget),
        UndefinedValue => ListValue.Empty,
        _ => throw new JinjaException($"'items' needs a dict, not '{input.TypeName}'."),
    };

    public static Value DictSort(Value input, Arguments arguments, RenderBudget budget)
    {
        var bound = arguments.Bind("dictsort", "case_sensitive", "by", "reverse");
        if (input is not DictValue dict)
        {
            throw new JinjaException($"'dictsort' needs a dict, not '{input.TypeName}'.");
        }

        var position = bound[1] switch
        {
            null or StringValue { Text: "key" } => 0,
            StringValue { Text: "value" } => 1,
            _ => throw new JinjaException("'dictsort' sorts by 'key' or 'value'."),
        };
        return new ListValue(Sorting.By(dict.ToPairs(budget).Items, SortKey(bound[0], new IntegerValue(position), budget), isReversed: bound[2]?.IsTrue ?? false, budget));
    }

    // Case is ignored unless asked for: Jinja's way, not Python's.
    private static Func<Value, Value> SortKey(Value? caseSensitive, Value? attribute, RenderBudget budget)
    {
        var path = attribute is null or NoneValue ? null : AttributePath.Parse(attribute, budget);
        var ignoresCase = !(caseSensitive?.IsTrue ?? false);
        return item =>
        {
            budget.Spend(1);
            var key = path?.Read(item, budget) ?? item;
            return ignoresCase && key is StringValue text ? LetterCase.Lower(text, budget) : key;
        };
    }
}
