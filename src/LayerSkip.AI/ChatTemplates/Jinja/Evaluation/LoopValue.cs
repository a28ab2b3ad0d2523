using LayerSkip.AI.ChatTemplates.Jinja.Library;
using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Evaluation;

/// <summary>The variable <c>loop</c> inside of a loop.</summary>
internal sealed class LoopValue(IReadOnlyList<Value> items) : ObjectValue
{
    private Value? _lastChecked;

    /// <summary>The current item, from 0.</summary>
    public int Index { get; set; }

    public override string TypeName => "loop";

    public override Value? Member(string name) => name switch
    {
        "index" => new IntegerValue(Index + 1),
        "index0" => new IntegerValue(Index),
        "revindex" => new IntegerValue(items.Count - Index),
        "revindex0" => new IntegerValue(items.Count - Index - 1),
        "first" => BooleanValue.Of(Index == 0),
        "last" => BooleanValue.Of(Index == items.Count - 1),
        "length" => new IntegerValue(items.Count),
        "depth" => new IntegerValue(1),
        "depth0" => new IntegerValue(0),
        "previtem" => Index > 0 ? items[Index - 1] : new UndefinedValue(static () => "there is no previous item"),
        "nextitem" => Index < items.Count - 1 ? items[Index + 1] : new UndefinedValue(static () => "there is no next item"),
        "cycle" => new FunctionValue("cycle", (arguments, _) => Cycle(arguments)),
        "changed" => new FunctionValue("changed", Changed),
        _ => null,
    };

    private Value Cycle(Arguments arguments) => arguments.Positional.Count > 0
        ? arguments.Positional[Index % arguments.Positional.Count]
        : throw new JinjaException("'cycle' needs at least one item.");

    private BooleanValue Changed(Arguments arguments, RenderBudget budget)
    {
        var value = new ListValue(arguments.Positional);
        var changed = _lastChecked is null || !Comparison.AreEqual(_lastChecked, value, budget);
        _lastChecked = value;
        return BooleanValue.Of(changed);
    }
}
