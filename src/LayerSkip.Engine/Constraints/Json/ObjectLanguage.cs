using System.Text.Json;

namespace LayerSkip.Engine.Constraints.Json;

/// <summary>
/// Objects: the declared properties in the order of their declaration, then others. Others are only written where the schema asks for them by name
/// (<c>additionalProperties</c>, <c>patternProperties</c>), declares none, or asks for more than it declares.
/// </summary>
/// <param name="json">The language of JSON.</param>
/// <param name="schema">What holds of the objects.</param>
/// <param name="matches">Which names patterns match.</param>
/// <param name="gaps">Told what does not hold.</param>
/// <param name="compile">The values that satisfy schemas.</param>
internal sealed class ObjectLanguage(
    JsonGrammar json, SchemaConjunction schema, PatternMatches matches, SchemaGaps gaps, Func<IEnumerable<SchemaNode>, GrammarNode> compile)
{
    private const int MaxProperties = 2000;
    private const int MaxCounted = 64;
    private const int MaxPatterns = 16;

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
        var others = Others(names, isOpen: false);
        if (max > last && (names.Length > max || !others.IsNothing))
        {
            gaps.Add("maxProperties");
        }

        if (min > last)
        {
            gaps.Add("minProperties");
        }

        max = max > last ? null : max;
        min = Math.Min(min, last);
        var entries = Array.ConvertAll(names, Entry);
        var language = Entries(others, missing: null);
        var missing = min - entries.Count(entry => !entry.IsNothing);
        return language.IsNothing && missing > 0 ? Entries(Others(names, isOpen: true), missing) : language;

        // With others behind them: any number, or no more than are missing where all that are declared are there.
        GrammarNode Entries(GrammarNode other, int? missing)
        {
            var following = new GrammarNode[last + 1];
            for (var count = 0; count <= last; count++)
            {
                var needed = Math.Max(min - count, 0);
                following[count] = needed > missing ? _grammar.Nothing : OtherEntries(other, needed, missing is null ? max - count : needed, isFirst: count == 0);
            }

            for (var i = names.Length - 1; i >= 0; i--)
            {
                json.Budget.Check();
                var next = new GrammarNode[last + 1];
                for (var count = 0; count <= last; count++)
                {
                    var on = count == max ? _grammar.Nothing
                        : _grammar.Sequence(count > 0 ? _comma : _grammar.Empty, entries[i], following[Math.Min(count + 1, last)]);
                    next[count] = required.Contains(names[i]) ? on : _grammar.Choice(on, following[count]);
                }

                following = next;
            }

            return _grammar.Sequence(_grammar.Literal("{"), following[0], _grammar.Literal("}"));
        }
    }

    private GrammarNode Entry(string name)
    {
        json.Budget.Check();
        var value = compile(schema.Schemas.SelectMany(part => Of(part, name)));
        return value.IsNothing ? value : _grammar.Sequence(_grammar.Literal(JsonSpelling.OfString(name)), _colon, value);
    }

    /// <summary>The schemas that one part of the conjunction puts on a property.</summary>
    private IEnumerable<SchemaNode> Of(SchemaNode part, string name)
    {
        var isNamed = false;
        if (part["properties"]?[name] is { } own)
        {
            isNamed = true;
            yield return own;
        }

        foreach (var pattern in Patterns(part))
        {
            // Where nobody can tell whether a pattern matches, nothing follows from it.
            var match = matches.Match(pattern, name);
            if (match is null)
            {
                gaps.Add("patternProperties");
            }

            isNamed |= match != false;
            if (match == true)
            {
                yield return part["patternProperties"]![pattern]!;
            }
        }

        if (!isNamed && part["additionalProperties"] is { } additional)
        {
            yield return additional;
        }
    }

    /// <summary>An entry whose name is not declared.</summary>
    /// <param name="names">The names that are.</param>
    /// <param name="isOpen">Whether names of no pattern are written though no schema asks for them.</param>
    private GrammarNode Others(string[] names, bool isOpen)
    {
        string[] patterns = [.. schema.Schemas.SelectMany(Patterns).Distinct()];
        if (patterns.Length > MaxPatterns)
        {
            return _grammar.Nothing;
        }

        if (!Array.TrueForAll(patterns, matches.Understands))
        {
            gaps.Add("patternProperties");
        }

        // Each with the names that no other pattern matches: none is written in two ways.
        var alternatives = patterns.Select(pattern => Other(pattern, [.. patterns.Where(other => other != pattern)])).ToList();
        if (isOpen || (patterns.Length == 0 && (names.Length == 0 || schema.All("additionalProperties").Any())))
        {
            alternatives.Add(Other(null, patterns));
        }

        return _grammar.Choice([.. alternatives]);

        GrammarNode Other(string? pattern, string[] unlike)
        {
            var value = compile(schema.Schemas
                .Select(part => (pattern is null ? null : part["patternProperties"]?[pattern]) ?? part["additionalProperties"])
                .OfType<SchemaNode>());
            return value.IsNothing ? value : _grammar.Sequence(Names(pattern, names, unlike) ?? _grammar.Nothing, _colon, value);
        }
    }

    private static IEnumerable<string> Patterns(SchemaNode part) => part["patternProperties"] is { Value.ValueKind: JsonValueKind.Object } patterns
        ? patterns.Value.EnumerateObject().Select(property => property.Name)
        : [];

    /// <summary>Names of a pattern, without those that are declared or that others match; null where that takes too much.</summary>
    private GrammarNode? Names(string? pattern, string[] declared, string[] unlike) =>
        pattern is null && declared.Length + unlike.Length == 0 ? json.Terminals.AnyString : json.Names(pattern, declared, unlike);

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
