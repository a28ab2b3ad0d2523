namespace LayerSkip.AI.ChatTemplates.Jinja.Values;

/// <summary>What a missing name, key or attribute gives: empty when printed, false when tested, an error when used.</summary>
/// <param name="reason">What is missing, as the error will say it.</param>
internal sealed class UndefinedValue(string reason) : Value
{
    // What is missing has any name, and is missed any number of times.
    private const int MaxNameLength = 80;

    public override string TypeName => "Undefined";

    public override bool IsTrue => false;

    public JinjaException Error() => new(reason + ".");

    /// <summary>A name as a reason tells it.</summary>
    public static string Shorten(string name) => name.Length <= MaxNameLength ? name : name[..MaxNameLength] + "...";
}
