using System.Globalization;
using System.Numerics;
using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Library;

/// <summary><c>a.b</c> and <c>a[b]</c>: each falls back to the other, and a missing member is undefined.</summary>
internal static class Members
{
    /// <summary>A method or member of that name first, then the key: <c>d.items</c> is the method even where the dict has such a key.</summary>
    public static Value Attribute(Value target, string name, RenderBudget budget)
    {
        if (MethodOrMember(target, name, budget) is { } member)
        {
            return member;
        }

        var key = StringValue.Of(name, PromptOrigin.Template);
        return target is DictValue dict && dict.TryGet(key, budget, out var value) ? value : Missing(target, key);
    }

    /// <summary>The item of that key or index first, then the method or member.</summary>
    public static Value Item(Value target, Value key, RenderBudget budget)
    {
        if (target is DictValue dict && dict.TryGet(key, budget, out var value))
        {
            return value;
        }

        if (key is StringValue name)
        {
            return MethodOrMember(target, name.Text, budget) ?? Missing(target, key);
        }

        if (target is ListValue or StringValue && Numbers.TryInteger(key, out var position))
        {
            var count = Sequences.Count(target)!.Value;
            var index = position < 0 ? position + count : position;
            return index < 0 || index >= count ? OutOfRange(target, count, position)
                : target is ListValue list ? list.Items[(int)index]
                : ((StringValue)target).CodePoint((int)index, budget);
        }

        return Missing(target, key);
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

    private static UndefinedValue Missing(Value target, Value key)
    {
        return new(() => $"the {target.TypeName} has no attribute or key {JinjaException.Quote(Description())}");

        string Description() => key switch
        {
            StringValue text => text.Text,
            IntegerValue integer => Digits(integer.Number),
            _ => key.TypeName,
        };
    }

    private static UndefinedValue OutOfRange(Value target, int count, BigInteger position) =>
        new(() => $"the {target.TypeName} has {count} items, and none at {JinjaException.Shorten(Digits(position))}");

    private static string Digits(BigInteger number) => number.ToString(CultureInfo.InvariantCulture);
}
