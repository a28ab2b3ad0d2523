namespace LayerSkip.AI.ChatTemplates.Jinja.Values;

/// <summary>A value of the language's own that has named members: <c>loop</c>, a namespace.</summary>
internal abstract class ObjectValue : Value
{
    /// <summary>The member of that name, null where there is none.</summary>
    public abstract Value? Member(string name);
}
