using System.Text.Json;

namespace LayerSkip.Engine.Constraints.Json;

/// <summary>Arrays: the items that have a place of their own first, then those of one kind.</summary>
internal sealed class ArrayLanguage(JsonGrammar json, SchemaConjunction schema, Func<SchemaConjunction, GrammarNode> compile)
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
        var places = schema.Schemas.Max(part => Prefix(part).Count);
        places = Math.Min(Math.Min(places, max ?? places), MaxPrefix);
        var rest = compile(new SchemaConjunction(schema.Schemas.Select(Rest).OfType<SchemaNode>(), []));
        var comma = _grammar.Literal(json.Layout.Comma());

        // From the last place to the first: what may follow so many items.
        var following = Repeated(rest, comma, Math.Max(min - places, 0), max - places, isFirst: places == 0);
        for (var place = places - 1; place >= 0; place--)
        {
            var at = place;
            var item = compile(new SchemaConjunction(schema.Schemas.Select(part => at < Prefix(part).Count ? Prefix(part)[at] : Rest(part)).OfType<SchemaNode>(), []));
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

    private static List<SchemaNode> Prefix(SchemaNode part) =>
        [.. part["prefixItems"]?.Items ?? (part["items"] is { Value.ValueKind: JsonValueKind.Array } items ? items.Items : [])];

    /// <summary>The schema of the items without a place of their own; null where there is none.</summary>
    private static SchemaNode? Rest(SchemaNode part) => part["items"]?.Value.ValueKind == JsonValueKind.Array ? part["additionalItems"] : part["items"];
}
