using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Library;

/// <summary><c>a.b</c> and <c>a[b]</c>: each falls back to the other, and a missing member is undefined.</summary>
internal static class Members
{
    /// <summary>A method or member of that name first, then the key: <c>d.items</c> is the method even where the dict has such a key.</summary>
    public static Value Attribute(Value target, string name, RenderBudget budget) =>
        MethodOrMember(target, name, budget)
        ?? (target is DictValue dict && dict.TryGet(StringValue.Of(name, PromptOrigin.Template), budget, out var value) ? value : Missing(target, name));

    /// <summary>The item of that key or index first, then the method or member.</summary>
    public static Value Item(Value target, Value key, RenderBudget budget)
    {
        if (target is DictValue dict && dict.TryGet(key, budget, out var value))
        {
            return value;
        }

        if (key is StringValue name)
        {
            return MethodOrMember(target, name.Text, budget) ?? Missing(target, name.Text);
        }

        if (target is ListValue or StringValue && Numbers.TryInteger(key, out var position))
        {
            var count = Sequences.Count(target)!.Value;
            var index = position < 0 ? position + count : position;
            if (index < 0 || index >= count)
            {
                return new UndefinedValue($"the {target.TypeName} has {count} items, and none at {position}");
            }

            return target is ListValue list ? list.Items[(int)index] : ((StringValue)target).CodePoint((int)index, budget);
        }

        return Missing(target, key is IntegerValue integer ? integer.Number.ToString(System.Globalization.CultureInfo.InvariantCulture) : key.TypeName);
    }

    private static Value? MethodOrMember(Value target, string name, RenderBudget budget)
    {
        budget.SpendCharacters(name.Length);
        return target switch
        {
            UndefinedValue undefined => throw undefined.Error(),
            StringValue text when StringMethods.Find(name) is { } method => new FunctionValue(name, (arguments, spent) => method(text, arguments, spent)),
            ListValue list => ContainerMethods.Find(list, name),
            DictValue dict => ContainerMethods.Find(dict, name),
            ObjectValue owner => owner.Member(name),
            _ => null,
        };
    }

    private static UndefinedValue Missing(Value target, string name) => new($"the {target.TypeName} has no attribute or key '{UndefinedValue.Shorten(name)}'");
}
