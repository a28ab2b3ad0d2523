namespace LayerSkip.AI.ChatTemplates.Jinja.Values;

/// <summary>The language's one mutable value: <c>namespace(found=false)</c>, set by <c>{% set ns.found = true %}</c>.</summary>
internal sealed class NamespaceValue(IEnumerable<KeyValuePair<string, Value>> members) : ObjectValue
{
    private readonly Dictionary<string, Value> _members = new(members, StringComparer.Ordinal);

    public override string TypeName => "Namespace";

    public Value this[string name]
    {
        set => _members[name] = value;
    }

    public override Value? Member(string name) => _members.GetValueOrDefault(name);
}
