using System.Diagnostics.CodeAnalysis;

namespace LayerSkip.AI.ChatTemplates.Jinja.Values;

/// <summary>A Python dict: keeps the order of its keys, which are strings, numbers, booleans or none.</summary>
internal sealed class DictValue : Value
{
    private readonly OrderedDictionary<Value, Value> _entries = new(ScalarEquality.Instance);

    /// <summary>A later entry replaces an earlier one of the same key, at the earlier one's place.</summary>
    public DictValue(IEnumerable<KeyValuePair<Value, Value>> entries)
    {
        foreach (var (key, value) in entries)
        {
            if (!ScalarEquality.IsScalar(key))
            {
                throw new JinjaException($"a dict's key must be a string, a number, a boolean or none, not '{key.TypeName}'.");
            }

            _entries[key] = value;
        }

        Origin = PromptOrigin.Template;
        var deepest = 0;
        foreach (var (key, value) in _entries)
        {
            Origin = LeastTrusted(Origin, LeastTrusted(key.Origin, value.Origin));
            deepest = Math.Max(deepest, value.Depth);
        }

        Depth = ContainerDepth.Around(deepest);
    }

    /// <summary>A dict that a template makes: each key costs its length.</summary>
    public static DictValue Create(IEnumerable<KeyValuePair<Value, Value>> entries, RenderBudget budget) => new(entries.Select(entry =>
    {
        budget.SpendCharacters(ScalarEquality.Length(entry.Key));
        return entry;
    }));

    public IReadOnlyCollection<KeyValuePair<Value, Value>> Entries => _entries;

    public override PromptOrigin Origin { get; }

    public override int Depth { get; }

    public override string TypeName => "dict";

    public override bool IsTrue => _entries.Count > 0;

    public bool TryGet(Value key, RenderBudget budget, [NotNullWhen(true)] out Value? value)
    {
        budget.SpendCharacters(ScalarEquality.Length(key));
        value = null;
        return ScalarEquality.IsScalar(key) && _entries.TryGetValue(key, out value);
    }

    /// <summary>The entries as a list of (key, value) tuples.</summary>
    public ListValue ToPairs(RenderBudget budget)
    {
        budget.SpendItems(_entries.Count);
        return new ListValue([.. _entries.Select(entry => ListValue.Pair(entry.Key, entry.Value))]);
    }
}
