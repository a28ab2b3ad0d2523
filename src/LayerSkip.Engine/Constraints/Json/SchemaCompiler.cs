using System.Numerics;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace LayerSkip.Engine.Constraints.Json;

/// <summary>Turns one schema document into a language. What it cannot express it leaves out, so that the language is wider than the schema there.</summary>
/// <param name="json">The language of JSON.</param>
/// <param name="maxDepth">Arrays and objects within one another at most.</param>
/// <param name="meansTypes">Whether a schema without a type means that of which its keywords speak, rather than all others as well.</param>
internal sealed class SchemaCompiler(JsonGrammar json, int maxDepth, bool meansTypes = true)
{
    // What a step costs before it looks at any schema.
    private const int StepWork = 50;
    private const int MaxNesting = 200;
    private const int MaxEnum = 10_000;
    private const int MaxTypes = 16;

    private readonly Grammar _grammar = json.Grammar;
    private readonly JsonTerminals _terminals = json.Terminals;
    private readonly NumberRange _numbers = new(json.Grammar, json.Terminals);
    private readonly SchemaGaps _gaps = new();
    private readonly StringLanguage _strings = new(json.Grammar, json.Terminals, json.Budget);
    private readonly SchemaBudget _budget = json.Budget;
    private readonly PatternMatches _matches = new(json.Budget);
    private readonly Dictionary<(string Conjunction, int Depth), GrammarNode?> _known = [];
    private int _nesting;

    /// <summary>The keywords that the language does not hold to.</summary>
    public string[] LeftOut => _gaps.Keywords;

    /// <summary>The values that satisfy a schema.</summary>
    /// <exception cref="SchemaBudgetException">It takes too much.</exception>
    public GrammarNode Compile(SchemaNode schema) => Compile([schema], maxDepth);

    private GrammarNode Compile(IEnumerable<SchemaNode> schemas, int depth) => Compile(new SchemaConjunction(_budget, schemas, []), depth);

    private GrammarNode Compile(SchemaConjunction schema, int depth)
    {
        if (schema.IsFalse)
        {
            return _grammar.Nothing;
        }

        if (schema.Schemas.Count == 0)
        {
            return json.Value(depth);
        }

        var key = (schema.Key, depth);
        if (_known.TryGetValue(key, out var known))
        {
            // A schema that is met again while it is read says nothing by that.
            return known ?? _grammar.Nothing;
        }

        _budget.Spend(StepWork);
        if (_nesting > MaxNesting)
        {
            throw new SchemaBudgetException();
        }

        _known[key] = null;
        _nesting++;
        var language = schema.Choice is { } choice
            ? _grammar.Choice([.. choice.Items.Select(alternative => Compile(schema.With(alternative), depth))])
            : Values(schema, depth);
        _nesting--;
        _known[key] = language;
        return language;
    }

    private GrammarNode Values(SchemaConjunction schema, int depth)
    {
        schema.Schemas.ForEach(_gaps.Look);
        var types = Types(schema);
        if (Enumerated(schema) is { } values)
        {
            _budget.Spend((long)values.Count * schema.Schemas.Count);
            JsonElement[] allowed = [.. values.Where(value => (JsonTypeNames.Of(value) & types) != 0 && JsonFits.Within(value, schema, _matches)).Take(MaxEnum)];
            _budget.SpendText(allowed.Sum(Length));
            return _grammar.OneOf(allowed.Select(value => JsonSpelling.Of(value, json.Layout)));
        }

        if (meansTypes && !schema.All("type").Any())
        {
            types &= Meant(schema);
        }

        var alternatives = new List<GrammarNode>();
        Add(JsonTypes.Object, () => new ObjectLanguage(json, schema, _matches, _gaps, children => Compile(children, depth - 1)).Build(), depth > 0);
        Add(JsonTypes.Array, () => new ArrayLanguage(json, schema, children => Compile(children, depth - 1)).Build(), depth > 0);
        Add(JsonTypes.String, () => _strings.Of(schema, _gaps));
        Add(JsonTypes.Boolean, () => Booleans(schema));
        Add(JsonTypes.Null, () => schema.Excluded.Exists(value => value.ValueKind == JsonValueKind.Null) ? _grammar.Nothing : _terminals.Null);
        if ((types & JsonTypes.Number) != 0)
        {
            alternatives.Add(Numbers(schema, (types & JsonTypes.Fraction) == 0));
        }

        // Of numbers, arrays and objects the values that must not be are left in, but for integers among integers; and so are integers where fractions may be.
        var kept = types & (JsonTypes.Array | JsonTypes.Object | ((types & JsonTypes.Fraction) == 0 ? JsonTypes.None : JsonTypes.Number));
        if ((types & JsonTypes.Number) == JsonTypes.Fraction || schema.Excluded.Exists(value => (JsonTypeNames.Of(value) & kept) != 0))
        {
            _gaps.Add("not");
        }

        return _grammar.Choice([.. alternatives]);

        void Add(JsonTypes type, Func<GrammarNode> build, bool isPossible = true)
        {
            if (isPossible && (types & type) != 0)
            {
                alternatives.Add(build());
            }
        }
    }

    private GrammarNode Booleans(SchemaConjunction schema)
    {
        var excluded = schema.Excluded.Select(value => value.ValueKind).ToHashSet();
        return _grammar.Choice(
            excluded.Contains(JsonValueKind.True) ? _grammar.Nothing : _terminals.True,
            excluded.Contains(JsonValueKind.False) ? _grammar.Nothing : _terminals.False);
    }

    private GrammarNode Numbers(SchemaConjunction schema, bool integers)
    {
        var bounds = NumberBounds.Of(schema);
        if (integers)
        {
            var (least, greatest) = (bounds.LeastInteger, bounds.GreatestInteger);
            var excluded = schema.Excluded
                .Where(value => JsonTypeNames.Of(value) == JsonTypes.Integer)
                .Select(value => PlainDecimal.Parse(value.GetRawText())?.Floor())
                .OfType<BigInteger>()
                .Distinct()
                .Order()
                .ToList();
            if (excluded.Count == 0)
            {
                return least is null && greatest is null ? _terminals.Integer : _numbers.Integers(least, greatest);
            }

            // Around each excluded integer.
            var ranges = new List<GrammarNode>();
            foreach (var hole in excluded)
            {
                _budget.Check();
                ranges.Add(_numbers.Integers(least, BigInteger.Min(hole - 1, greatest ?? hole)));
                least = BigInteger.Max(hole + 1, least ?? hole);
            }

            return _grammar.Choice([.. ranges, _numbers.Integers(least, greatest)]);
        }

        return bounds.IsOpen ? _terminals.Number : _numbers.Decimals(bounds.Least, bounds.ExcludesLeast, bounds.Greatest, bounds.ExcludesGreatest);
    }

    private static JsonTypes Types(SchemaConjunction schema)
    {
        var types = JsonTypes.All;
        foreach (var part in schema.Schemas)
        {
            if (part["type"] is not { } type)
            {
                continue;
            }

            // OpenAPI's way to say that null is allowed as well.
            types &= (part["nullable"]?.Value.ValueKind == JsonValueKind.True ? JsonTypes.Null : JsonTypes.None) | type.Value.ValueKind switch
            {
                JsonValueKind.String => JsonTypeNames.Parse(type.Value.GetString()),
                JsonValueKind.Array when type.Items.Count <= MaxTypes => type.Items.Aggregate(
                    JsonTypes.None,
                    (all, item) => all | (item.Value.ValueKind == JsonValueKind.String ? JsonTypeNames.Parse(item.Value.GetString()) : JsonTypes.All)),
                _ => JsonTypes.All,
            };
        }

        foreach (var not in schema.All("not"))
        {
            if (not.Value.ValueKind == JsonValueKind.True || (not.Value.ValueKind == JsonValueKind.Object && !not.Value.EnumerateObject().Any()))
            {
                return JsonTypes.None;
            }

            if (not["type"] is { } type && not.Value.EnumerateObject().Take(2).Count() == 1)
            {
                foreach (var item in type.Value.ValueKind == JsonValueKind.String ? [type] : type.Items.Take(MaxTypes))
                {
                    types &= ~(item.Value.ValueKind == JsonValueKind.String && JsonTypeNames.Parse(item.Value.GetString()) is var name and not JsonTypes.All
                        ? name
                        : JsonTypes.None);
                }
            }
        }

        return types;
    }

    /// <summary>A schema that names no type allows all; but one with properties means objects.</summary>
    private static JsonTypes Meant(SchemaConjunction schema)
    {
        var types = JsonTypes.None;
        foreach (var (keywords, type) in (ReadOnlySpan<(string[], JsonTypes)>)
            [
                (["properties", "required", "additionalProperties", "patternProperties", "minProperties", "maxProperties"], JsonTypes.Object),
                (["items", "prefixItems", "minItems", "maxItems"], JsonTypes.Array),
                (["pattern", "format", "minLength", "maxLength"], JsonTypes.String),
                (["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"], JsonTypes.Number),
            ])
        {
            types |= keywords.Any(keyword => schema.Schemas.Any(part => part["$ref"] is null && part[keyword] is not null)) ? type : JsonTypes.None;
        }

        return types == JsonTypes.None ? JsonTypes.All : types;
    }

    /// <summary>The values that <c>enum</c> and <c>const</c> leave, or null where neither is there.</summary>
    private List<JsonElement>? Enumerated(SchemaConjunction schema)
    {
        List<JsonElement>? values = null;
        foreach (var constant in schema.All("const"))
        {
            Restrict([constant.Value]);
        }

        foreach (var list in schema.All("enum"))
        {
            if (list.Value.ValueKind == JsonValueKind.Array)
            {
                Restrict([.. list.Value.EnumerateArray()]);
            }
        }

        if (values is not null)
        {
            var excluded = schema.Excluded;
            SpendComparing(values, excluded);
            values.RemoveAll(value => excluded.Exists(other => JsonElement.DeepEquals(value, other)));
        }

        return values;

        void Restrict(List<JsonElement> allowed)
        {
            if (values is null)
            {
                _budget.Spend(allowed.Count);
                values = allowed;
                return;
            }

            SpendComparing(values, allowed);
            values.RemoveAll(value => !allowed.Exists(other => JsonElement.DeepEquals(value, other)));
        }
    }

    /// <summary>Each of some values is compared with each of others, in the worst case to its end.</summary>
    private void SpendComparing(List<JsonElement> values, List<JsonElement> others) =>
        _budget.Spend(values.Count * others.Sum(other => 1 + (Length(other) / 64)) / 16);

    /// <summary>Bytes of a value as it stands.</summary>
    private static long Length(JsonElement value) => JsonMarshal.GetRawUtf8Value(value).Length;
}
