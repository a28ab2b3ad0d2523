namespace LayerSkip.AI.ChatTemplates.Jinja.Values;

/// <summary>A built-in function or a built-in method bound to its value.</summary>
internal sealed class FunctionValue(string name, Func<Arguments, RenderBudget, Value> body) : CallableValue(name)
{
    public override Value Call(Arguments arguments, RenderBudget budget) => body(arguments, budget);
}
