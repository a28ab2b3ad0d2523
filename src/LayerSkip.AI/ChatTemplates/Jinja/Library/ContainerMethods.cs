using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Library;

/// <summary>The methods of lists, tuples and dicts. Those that would change their value are refused, as in Jinja's immutable sandbox.</summary>
internal static class ContainerMethods
{
    public static Value? Find(ListValue list, string name) => name switch
    {
        "index" => new FunctionValue(name, (arguments, budget) => Index(list, arguments, budget)),
        "count" => new FunctionValue(name, (arguments, budget) => Count(list, arguments, budget)),
        "copy" => new FunctionValue(name, (_, _) => list),
        "append" or "clear" or "extend" or "insert" or "pop" or "remove" or "reverse" or "sort" when !list.IsTuple => Forbidden(list, name),
        _ => null,
    };

    public static Value? Find(DictValue dict, string name) => name switch
    {
        "items" => new FunctionValue(name, (_, budget) => dict.ToPairs(budget)),
        "keys" => new FunctionValue(name, (_, budget) => new ListValue(Sequences.Items(dict, budget))),
        "values" => new FunctionValue(name, (_, budget) => Values(dict, budget)),
        "get" => new FunctionValue(name, (arguments, budget) => Get(dict, arguments, budget)),
        "copy" => new FunctionValue(name, (_, _) => dict),
        "clear" or "pop" or "popitem" or "setdefault" or "update" => Forbidden(dict, name),
        _ => null,
    };

    private static UndefinedValue Forbidden(Value container, string name) =>
        new(() => $"'{name}' would change its {container.TypeName}, which the sandbox forbids");

    private static IntegerValue Index(ListValue list, Arguments arguments, RenderBudget budget)
    {
        var sought = arguments.Bind("index", "value")[0] ?? throw new JinjaException("'index' needs the value to look for.");
        for (var i = 0; i < list.Items.Count; i++)
        {
            if (Comparison.AreEqual(list.Items[i], sought, budget))
            {
                return new IntegerValue(i, Value.LeastTrusted(list.Origin, sought.Origin));
            }
        }

        throw new JinjaException("'index' did not find the value in the list.");
    }

    private static IntegerValue Count(ListValue list, Arguments arguments, RenderBudget budget)
    {
        var sought = arguments.Bind("count", "value")[0] ?? throw new JinjaException("'count' needs the value to look for.");
        return new IntegerValue(list.Items.Count(item => Comparison.AreEqual(item, sought, budget)), Value.LeastTrusted(list.Origin, sought.Origin));
    }

    private static ListValue Values(DictValue dict, RenderBudget budget)
    {
        budget.SpendItems(dict.Entries.Count);
        return new ListValue([.. dict.Entries.Select(entry => entry.Value)]);
    }

    private static Value Get(DictValue dict, Arguments arguments, RenderBudget budget)
    {
        var bound = arguments.Bind("get", "key", "default");
        var key = bound[0] ?? throw new JinjaException("'get' needs a key.");
        return dict.TryGet(key, budget, out var value) ? value : bound[1] ?? NoneValue.Instance;
    }
}
