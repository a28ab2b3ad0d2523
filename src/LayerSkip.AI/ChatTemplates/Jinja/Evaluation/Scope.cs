using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Evaluation;

/// <summary>The variables of a block. Assignment stays in it; reading looks outwards.</summary>
internal sealed class Scope(Scope? enclosing)
{
    private Dictionary<string, Value>? _variables;

    public Value this[string name]
    {
        set => (_variables ??= new(StringComparer.Ordinal))[name] = value;
    }

    public Value Find(string name)
    {
        for (var scope = this; scope is not null; scope = scope.Enclosing)
        {
            if (scope._variables is { } variables && variables.TryGetValue(name, out var value))
            {
                return value;
            }
        }

        return new UndefinedValue($"'{name}' is undefined");
    }

    private Scope? Enclosing { get; } = enclosing;
}
