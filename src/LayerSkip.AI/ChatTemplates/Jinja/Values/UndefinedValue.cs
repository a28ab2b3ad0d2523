namespace LayerSkip.AI.ChatTemplates.Jinja.Values;

/// <summary>What a missing name, key or attribute gives: empty when printed, false when tested, an error when used.</summary>
/// <param name="reason">Says what is missing. Asked by the error only: most of what is missing is never used.</param>
internal sealed class UndefinedValue(Func<string> reason) : Value
{
    public override string TypeName => "Undefined";

    public override bool IsTrue => false;

    public JinjaException Error() => new(reason() + ".");
}
