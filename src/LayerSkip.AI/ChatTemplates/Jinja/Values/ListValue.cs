namespace LayerSkip.AI.ChatTemplates.Jinja.Values;

/// <summary>A Python list or tuple; ranges and the results of filters are lists too.</summary>
internal sealed class ListValue : Value
{
    public static readonly ListValue Empty = new([]);

    public ListValue(IReadOnlyList<Value> items, bool isTuple = false)
    {
        Items = items;
        IsTuple = isTuple;
        Origin = PromptOrigin.Template;
        var deepest = 0;
        foreach (var item in items)
        {
            Origin = LeastTrusted(Origin, item.Origin);
            deepest = Math.Max(deepest, item.Depth);
        }

        Depth = ContainerDepth.Around(deepest);
    }

    public IReadOnlyList<Value> Items { get; }

    public bool IsTuple { get; }

    public override PromptOrigin Origin { get; }

    public override int Depth { get; }

    public override string TypeName => IsTuple ? "tuple" : "list";

    public override bool IsTrue => Items.Count > 0;

    public static ListValue Pair(Value first, Value second) => new([first, second], isTuple: true);
}
