using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Evaluation;

/// <summary>The variables of a block. Assignment stays in it; reading looks outwards. A name costs its characters wherever it is looked up.</summary>
internal sealed class Scope(Scope? enclosing)
{
    private Dictionary<string, Value>? _variables;

    private Scope? Enclosing { get; } = enclosing;

    public void Set(string name, Value value, RenderBudget budget)
    {
        budget.SpendCharacters(name.Length);
        (_variables ??= new(StringComparer.Ordinal))[name] = value;
    }

    /// <summary>The variable of the innermost scope that has it; undefined where none does.</summary>
    public Value Find(string name, RenderBudget budget)
    {
        for (var scope = this; scope is not null; scope = scope.Enclosing)
        {
            budget.SpendCharacters(scope._variables is null ? 1 : name.Length);
            if (scope._variables is { } variables && variables.TryGetValue(name, out var value))
            {
                return value;
            }
        }

        return Undefined(name);
    }

    private static UndefinedValue Undefined(string name) => new(() => $"{JinjaException.Quote(name)} is undefined");
}
