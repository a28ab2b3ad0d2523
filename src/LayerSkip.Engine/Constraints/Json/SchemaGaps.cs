using System.Text.Json;

namespace LayerSkip.Engine.Constraints.Json;

/// <summary>What of a schema its language does not hold to.</summary>
internal sealed class SchemaGaps
{
    private static readonly HashSet<string> s_leftOut =
    [
        "multipleOf", "uniqueItems", "contains", "minContains", "maxContains", "if", "dependentRequired", "dependentSchemas", "dependencies",
        "propertyNames", "unevaluatedItems", "unevaluatedProperties", "$dynamicRef", "$recursiveRef",
    ];

    private readonly HashSet<int> _seen = [];
    private readonly SortedSet<string> _keywords = new(StringComparer.Ordinal);

    /// <summary>The keywords, in alphabetical order, as far as schemas have been looked at.</summary>
    public string[] Keywords => [.. _keywords];

    /// <summary>A keyword is left out.</summary>
    public void Add(string keyword) => _keywords.Add(keyword);

    /// <summary>Looks at the keywords of one schema.</summary>
    public void Look(SchemaNode schema)
    {
        if (!_seen.Add(schema.Id))
        {
            return;
        }

        foreach (var keyword in schema.Value.EnumerateObject())
        {
            if (s_leftOut.Contains(keyword.Name) && keyword.Value.ValueKind != JsonValueKind.False)
            {
                Add(keyword.Name);
            }
        }

        if (schema["not"] is { } not && !IsUnderstood(not))
        {
            Add("not");
        }

        if (schema["$ref"] is not null && schema.Target is null)
        {
            Add("$ref");
        }
    }

    /// <summary>Whether what a schema must not be is one keyword that is taken in, or nothing.</summary>
    private static bool IsUnderstood(SchemaNode not) =>
        not.Value.ValueKind != JsonValueKind.Object || not.Value.GetPropertyCount() is var count && (count == 0 || (count == 1 && (not["type"] ?? not["enum"] ?? not["const"]) is not null));
}
