using System.Text.Json;

namespace LayerSkip.Engine.Constraints.Json;

/// <summary>Arrays: the items that have a place of their own first, then those of one kind.</summary>
internal sealed class ArrayLanguage(JsonGrammar json, SchemaConjunction schema, Func<IEnumerable<SchemaNode>, GrammarNode> compile)
{
    private const int MaxPrefix = 1000;

    private readonly Grammar _grammar = json.Grammar;

    public GrammarNode Build()
    {
        var (min, max) = SchemaLimits.Of(schema, "minItems", "maxItems");
        if (max < min)
        {
            return _grammar.Nothing;
        }

        // An array of schemas in "items" is what older drafts call "prefixItems", and what follows is in "additionalItems".
        (IReadOnlyList<SchemaNode> Prefix, SchemaNode? Others)[] parts = [.. schema.Schemas.Select(part => (Prefix(part), Rest(part)))];
        var places = parts.Max(part => part.Prefix.Count);
        places = Math.Min(places, max ?? places);
        if (places > MaxPrefix)
        {
            throw new SchemaBudgetException();
        }

        json.Budget.Spend((long)places * parts.Length);
        var rest = compile(parts.Select(part => part.Others).OfType<SchemaNode>());
        var comma = _grammar.Literal(json.Layout.Comma());

        // From the last place to the first: what may follow so many items.
        var following = Repeated(rest, comma, Math.Max(min - places, 0), max - places, isFirst: places == 0);
        for (var place = places - 1; place >= 0; place--)
        {
            var at = place;
            var item = compile(parts.Select(part => at < part.Prefix.Count ? part.Prefix[at] : part.Others).OfType<SchemaNode>());
            json.Budget.Check();
            var on = _grammar.Sequence(place > 0 ? comma : _grammar.Empty, item, following);
            following = place >= min ? _grammar.Optional(on) : on;
        }

        return _grammar.Sequence(_grammar.Literal("["), following, _grammar.Literal("]"));
    }

    private GrammarNode Repeated(GrammarNode item, GrammarNode comma, int min, int? max, bool isFirst)
    {
        if (item.IsNothing || max == 0)
        {
            return min == 0 ? _grammar.Empty : _grammar.Nothing;
        }

        var more = _grammar.Join(comma, item);
        if (!isFirst)
        {
            return _grammar.Repeat(more, min, max);
        }

        var some = _grammar.Join(item, _grammar.Repeat(more, Math.Max(min - 1, 0), max - 1));
        return min == 0 ? _grammar.Optional(some) : some;
    }

    private static IReadOnlyList<SchemaNode> Prefix(SchemaNode part) => (part["prefixItems"] ?? part["items"])?.Items ?? [];

    /// <summary>The schema of the items without a place of their own; null where there is none.</summary>
    private static SchemaNode? Rest(SchemaNode part) => part["items"]?.Value.ValueKind == JsonValueKind.Array ? part["additionalItems"] : part["items"];
}
