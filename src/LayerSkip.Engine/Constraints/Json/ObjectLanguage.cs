using System.Text.Json;

namespace LayerSkip.Engine.Constraints.Json;

/// <summary>
/// Objects: the declared properties in the order of their declaration, then others. Others are only written where the schema asks for them by name
/// (<c>additionalProperties</c>, <c>patternProperties</c>) or declares none.
/// </summary>
internal sealed class ObjectLanguage(JsonGrammar json, SchemaConjunction schema, Func<IEnumerable<SchemaNode>, GrammarNode> compile)
{
    private const int MaxProperties = 2000;
    private const int MaxCounted = 64;

    private readonly Grammar _grammar = json.Grammar;
    private readonly GrammarNode _comma = json.Grammar.Literal(json.Layout.Comma());
    private readonly GrammarNode _colon = json.Grammar.Literal(json.Layout.Colon());

    public GrammarNode Build()
    {
        var required = schema.All("required")
            .SelectMany(list => list.Items)
            .Where(name => name.Value.ValueKind == JsonValueKind.String)
            .Select(name => name.Value.GetString()!)
            .ToHashSet();
        string[] names = [.. schema.All("properties")
            .Where(properties => properties.Value.ValueKind == JsonValueKind.Object)
            .SelectMany(properties => properties.Value.EnumerateObject().Select(property => property.Name))
            .Concat(required)
            .Distinct()];
        if (names.Length > MaxProperties)
        {
            throw new SchemaBudgetException();
        }

        json.Budget.Spend((long)names.Length * schema.Schemas.Count);
        json.Budget.SpendText(names.Sum(name => (long)name.Length));

        // How many properties there are so far is counted no further than it matters: whether there is one before, and to the bounds.
        var (min, max) = SchemaLimits.Of(schema, "minProperties", "maxProperties");
        if (max < Math.Max(min, required.Count))
        {
            return _grammar.Nothing;
        }

        var last = Math.Max(1, Math.Min(Math.Max(min, max ?? 0), MaxCounted));
        max = max > last ? null : max;
        min = Math.Min(min, last);
        var following = new GrammarNode[last + 1];
        var other = Others(names);
        for (var count = 0; count <= last; count++)
        {
            following[count] = OtherEntries(other, Math.Max(min - count, 0), max - count, isFirst: count == 0);
        }

        for (var i = names.Length - 1; i >= 0; i--)
        {
            var entry = Entry(names[i]);
            json.Budget.Check();
            var next = new GrammarNode[last + 1];
            for (var count = 0; count <= last; count++)
            {
                var on = count == max ? _grammar.Nothing
                    : _grammar.Sequence(count > 0 ? _comma : _grammar.Empty, entry, following[Math.Min(count + 1, last)]);
                next[count] = required.Contains(names[i]) ? on : _grammar.Choice(on, following[count]);
            }

            following = next;
        }

        return _grammar.Sequence(_grammar.Literal("{"), following[0], _grammar.Literal("}"));
    }

    private GrammarNode Entry(string name)
    {
        var value = compile(schema.Schemas.SelectMany(part => Of(part, name)));
        return value.IsNothing ? value : _grammar.Sequence(_grammar.Literal(JsonSpelling.OfString(name)), _colon, value);
    }

    /// <summary>The schemas that one part of the conjunction puts on a property.</summary>
    private static IEnumerable<SchemaNode> Of(SchemaNode part, string name)
    {
        if (part["properties"]?[name] is { } own)
        {
            yield return own;
        }
        else if (part["additionalProperties"] is { } additional && part["patternProperties"] is null)
        {
            yield return additional;
        }
    }

    /// <summary>An entry whose name is not declared.</summary>
    private GrammarNode Others(string[] names)
    {
        var additional = schema.All("additionalProperties").ToList();
        var patterns = schema.All("patternProperties").Where(node => node.Value.ValueKind == JsonValueKind.Object).ToList();
        if (patterns.Count > 0)
        {
            // With one pattern, its names; with several a name could match more than one.
            var properties = patterns[0].Value.EnumerateObject().Select(property => property.Name).ToArray();
            return patterns.Count == 1 && properties.Length == 1 && Names(properties[0], names) is { } key
                ? _grammar.Sequence(key, _colon, compile([patterns[0][properties[0]]!]))
                : _grammar.Nothing;
        }

        if (additional.Count == 0 && names.Length > 0)
        {
            return _grammar.Nothing;
        }

        var value = compile(additional);
        return value.IsNothing ? value : _grammar.Sequence(Names(null, names) ?? _grammar.Nothing, _colon, value);
    }

    /// <summary>Names of a pattern, without those that are declared; null where that takes too much.</summary>
    private GrammarNode? Names(string? pattern, string[] declared) =>
        pattern is null && declared.Length == 0 ? json.Terminals.AnyString : json.Names(pattern, declared);

    private GrammarNode OtherEntries(GrammarNode entry, int min, int? max, bool isFirst)
    {
        if (entry.IsNothing || max == 0)
        {
            return min == 0 ? _grammar.Empty : _grammar.Nothing;
        }

        var more = _grammar.Join(_comma, entry);
        if (!isFirst)
        {
            return _grammar.Repeat(more, min, max);
        }

        var some = _grammar.Join(entry, _grammar.Repeat(more, Math.Max(min - 1, 0), max - 1));
        return min == 0 ? _grammar.Optional(some) : some;
    }
}
