namespace LayerSkip.AI.ChatTemplates.Jinja.Values;

internal sealed class FloatValue(double number, PromptOrigin origin = PromptOrigin.Template) : Value
{
    public double Number { get; } = number;

    public override PromptOrigin Origin { get; } = origin;

    public override string TypeName => "float";

    public override bool IsTrue => Number != 0;
}
