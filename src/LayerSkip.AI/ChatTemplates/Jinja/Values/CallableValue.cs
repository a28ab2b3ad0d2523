namespace LayerSkip.AI.ChatTemplates.Jinja.Values;

/// <summary>A function, a method bound to its value, or a macro.</summary>
internal abstract class CallableValue(string name) : Value
{
    public string Name { get; } = name;

    public override string TypeName => "function";

    public abstract Value Call(Arguments arguments, RenderBudget budget);
}
