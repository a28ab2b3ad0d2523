using System.Text.Json;

namespace LayerSkip.Engine.Constraints.Json;

/// <summary>Schemas that all hold at once, and choices between schemas that are still open.</summary>
internal sealed class SchemaConjunction
{
    private readonly SortedSet<int> _ids = [];
    private readonly SortedSet<int> _settled;
    private readonly SchemaBudget _budget;
    private List<JsonElement>? _excluded;

    /// <param name="budget">Pays for each schema that is looked at.</param>
    /// <param name="schemas">The schemas; references and <c>allOf</c> are followed.</param>
    /// <param name="settled">Choices (<c>anyOf</c>, <c>oneOf</c>) that have been made: ids of the nodes that hold the alternatives.</param>
    /// <exception cref="SchemaBudgetException">There are too many.</exception>
    public SchemaConjunction(SchemaBudget budget, IEnumerable<SchemaNode> schemas, IEnumerable<int> settled)
    {
        _budget = budget;
        _settled = [.. settled];
        budget.Spend(_settled.Count);
        var open = new Queue<SchemaNode>(schemas);
        var seen = new HashSet<int>();
        while (open.TryDequeue(out var schema))
        {
            budget.Spend(1);
            if (!seen.Add(schema.Id))
            {
                continue;
            }

            // A reference and nothing else is what it refers to, from wherever it does.
            if (schema.IsAlias)
            {
                open.Enqueue(schema.Target!);
            }
            else
            {
                _ids.Add(schema.Id);
                Add(schema, open);
            }
        }
    }

    /// <summary>The schemas that are objects, each with its own keywords.</summary>
    public List<SchemaNode> Schemas { get; } = [];

    /// <summary>A node that holds alternatives of which one must hold as well, or null where none is open.</summary>
    public SchemaNode? Choice { get; private set; }

    /// <summary>Whether one of the schemas is <c>false</c>.</summary>
    public bool IsFalse { get; private set; }

    /// <summary>Equal for equal conjunctions.</summary>
    public string Key => $"{string.Join(',', _ids)}|{string.Join(',', _settled)}";

    /// <summary>The same schemas and one alternative of <see cref="Choice"/>.</summary>
    public SchemaConjunction With(SchemaNode? alternative) =>
        new(_budget, alternative is null ? Schemas : [.. Schemas, alternative], [.. _settled, Choice!.Id]);

    /// <summary>The values that <c>not</c> an <c>enum</c> or <c>const</c> rules out.</summary>
    public List<JsonElement> Excluded => _excluded ??= FindExcluded();

    /// <summary>The values of a keyword.</summary>
    public IEnumerable<SchemaNode> All(string keyword) => Schemas.Select(schema => schema[keyword]).OfType<SchemaNode>();

    private void Add(SchemaNode schema, Queue<SchemaNode> open)
    {
        if (schema.Value.ValueKind == JsonValueKind.False)
        {
            IsFalse = true;
        }

        if (schema.Value.ValueKind != JsonValueKind.Object)
        {
            // True, and whatever is no schema, restricts nothing.
            return;
        }

        Schemas.Add(schema);
        if (schema.Target is { } target)
        {
            open.Enqueue(target);
        }

        foreach (var part in schema["allOf"]?.Items ?? [])
        {
            open.Enqueue(part);
        }

        foreach (var choice in (ReadOnlySpan<SchemaNode?>)[schema["anyOf"], schema["oneOf"]])
        {
            if (choice is { Value.ValueKind: JsonValueKind.Array } && choice.Value.GetArrayLength() > 0 && !_settled.Contains(choice.Id))
            {
                Choice ??= choice;
            }
        }
    }

    private List<JsonElement> FindExcluded()
    {
        var excluded = new List<JsonElement>();
        foreach (var not in All("not"))
        {
            if (not.Value.ValueKind == JsonValueKind.Object && not.Value.EnumerateObject().Take(2).Count() == 1)
            {
                excluded.AddRange(not["enum"]?.Items.Select(item => item.Value) ?? []);
                excluded.AddRange(not["const"] is { } constant ? [constant.Value] : []);
                _budget.Spend(excluded.Count);
            }
        }

        return excluded;
    }
}
