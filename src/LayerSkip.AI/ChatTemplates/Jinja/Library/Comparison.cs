using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Library;

/// <summary>Equality, order and containment. Origins do not matter to them.</summary>
internal static class Comparison
{
    public static bool Holds(string operation, Value left, Value right, RenderBudget budget) => operation switch
    {
        "==" => AreEqual(left, right, budget),
        "!=" => !AreEqual(left, right, budget),
        "<" => Order(left, right, budget) < 0,
        "<=" => Order(left, right, budget) <= 0,
        ">" => Order(left, right, budget) > 0,
        ">=" => Order(left, right, budget) >= 0,
        "in" => Contains(right, left, budget),
        "not in" => !Contains(right, left, budget),
        _ => throw new InvalidOperationException($"No comparison '{operation}'."),
    };

    public static bool AreEqual(Value left, Value right, RenderBudget budget)
    {
        budget.Spend(1);
        switch (left, right)
        {
            case (StringValue first, StringValue second):
                budget.SpendCharacters(first.Text.Length == second.Text.Length ? first.Text.Length : 0);
                return first.Text == second.Text;
            case (ListValue first, ListValue second):
                return first.IsTuple == second.IsTuple && first.Items.Count == second.Items.Count
                    && first.Items.Zip(second.Items).All(pair => AreEqual(pair.First, pair.Second, budget));
            case (DictValue first, DictValue second):
                return first.Entries.Count == second.Entries.Count
                    && first.Entries.All(entry => second.TryGet(entry.Key, budget, out var value) && AreEqual(entry.Value, value, budget));
            case (UndefinedValue, UndefinedValue):
                return true;
            default:
                budget.SpendCharacters(Math.Min(ScalarEquality.Length(left), ScalarEquality.Length(right)));
                return ReferenceEquals(left, right) || ScalarEquality.Instance.Equals(left, right);
        }
    }

    /// <summary>Negative, zero or positive; null between numbers of which one is NaN.</summary>
    public static int? Order(Value left, Value right, RenderBudget budget)
    {
        budget.Spend(1);
        switch (left, right)
        {
            case (UndefinedValue undefined, _):
                throw undefined.Error();
            case (_, UndefinedValue undefined):
                throw undefined.Error();
            case (StringValue first, StringValue second):
                budget.SpendCharacters(Math.Min(first.Text.Length, second.Text.Length));
                return string.CompareOrdinal(first.Text, second.Text);
            case (ListValue first, ListValue second):
                return OrderOfLists(first, second, budget);
            case (IntegerValue or FloatValue or BooleanValue, IntegerValue or FloatValue or BooleanValue):
                budget.SpendCharacters(Math.Min(Numbers.Length(left), Numbers.Length(right)));
                return Numbers.TryCompare(left, right);
            default:
                throw new JinjaException($"'{left.TypeName}' and '{right.TypeName}' have no order.");
        }
    }

    private static int? OrderOfLists(ListValue left, ListValue right, RenderBudget budget)
    {
        foreach (var (first, second) in left.Items.Zip(right.Items))
        {
            if (!AreEqual(first, second, budget))
            {
                return Order(first, second, budget);
            }
        }

        return left.Items.Count.CompareTo(right.Items.Count);
    }

    private static bool Contains(Value container, Value item, RenderBudget budget)
    {
        switch (container)
        {
            case StringValue text when item is StringValue sought:
                budget.SpendSearch(text.Text, sought.Text);
                return text.Text.Contains(sought.Text, StringComparison.Ordinal);
            case StringValue:
                throw item is UndefinedValue undefined
                    ? undefined.Error()
                    : new JinjaException($"only a string can be 'in' a string, not '{item.TypeName}'.");
            case ListValue list:
                return list.Items.Any(candidate => AreEqual(candidate, item, budget));
            case DictValue dict:
                return dict.TryGet(item, budget, out _);
            case UndefinedValue:
                return false;
            default:
                throw new JinjaException($"nothing can be 'in' a value of type '{container.TypeName}'.");
        }
    }
}
