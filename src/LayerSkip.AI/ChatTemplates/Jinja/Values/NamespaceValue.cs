namespace LayerSkip.AI.ChatTemplates.Jinja.Values;

/// <summary>The language's one mutable value: <c>namespace(found=false)</c>, set by <c>{% set ns.found = true %}</c>.</summary>
internal sealed class NamespaceValue : ObjectValue
{
    private readonly Dictionary<string, Value> _members = new(StringComparer.Ordinal);

    public override string TypeName => "Namespace";

    /// <summary>Sets a member; the name costs its characters.</summary>
    public void Set(string name, Value value, RenderBudget budget)
    {
        budget.SpendCharacters(name.Length);
        _members[name] = value;
    }

    public override Value? Member(string name) => _members.GetValueOrDefault(name);
}
