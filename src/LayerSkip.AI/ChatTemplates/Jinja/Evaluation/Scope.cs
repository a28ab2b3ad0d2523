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

    /// <summary>The variable of the innermost scope that has it; undefined where none does. The name's characters and each scope that is looked into cost.</summary>
    public Value Find(string name, RenderBudget budget)
    {
        budget.SpendCharacters(name.Length);
        for (var scope = this; scope is not null; scope = scope.Enclosing)
        {
            budget.SpendCharacters(1);
            if (scope._variables is { } variables && variables.TryGetValue(name, out var value))
            {
                return value;
            }
        }

        return new UndefinedValue($"'{UndefinedValue.Shorten(name)}' is undefined");
    }

    private Scope? Enclosing { get; } = enclosing;
}
