using System.Runtime.InteropServices;
using System.Text.Json;

namespace LayerSkip.Engine.Constraints.Json;

/// <summary>JSON, free or by a schema, as languages of a <see cref="Grammar"/>.</summary>
/// <remarks>
/// <para>
/// Understood are boolean schemas, <c>type</c> (one or several), <c>properties</c>, <c>required</c>, <c>additionalProperties</c>,
/// <c>patternProperties</c> (16 patterns at most), <c>minProperties</c>, <c>maxProperties</c>, <c>items</c>, <c>prefixItems</c>, <c>minItems</c>,
/// <c>maxItems</c>, <c>enum</c>, <c>const</c>, <c>anyOf</c>, <c>oneOf</c> (as <c>anyOf</c>), <c>allOf</c>, <c>not</c> with a type or values,
/// <c>$ref</c> to a JSON pointer within the document (recursive ones too), <c>minimum</c>, <c>maximum</c> and their exclusive forms,
/// <c>minLength</c>, <c>maxLength</c>, <c>pattern</c> (what of ECMA 262 is regular) and <c>format</c> (date, time, date-time, duration, uuid,
/// email, hostname, uri, ipv4, ipv6). All else is left out, and the language is wider than the schema there.
/// </para>
/// <para>
/// There is one way to write a value: properties come in the order of their declaration, without white space but that of the layout.
/// Properties that the schema does not declare are written only where <c>additionalProperties</c> is there and allows them, none are
/// declared, or <c>minProperties</c> asks for more; nothing keeps one of those from being written twice.
/// </para>
/// </remarks>
public sealed class JsonGrammar
{
    /// <summary>The greatest depth that there is: JSON readers refuse more as a rule.</summary>
    public const int MaxDepth = 64;

    private const int MaxSchemaDepth = 256;

    private readonly Dictionary<int, GrammarNode> _values = [];
    private readonly Lock _gate = new();
    private readonly int _depth;

    /// <summary>Creates the languages.</summary>
    /// <param name="grammar">Where they are built.</param>
    /// <param name="layout">The white space.</param>
    /// <param name="depth">How many arrays and objects may stand within one another, 1 .. <see cref="MaxDepth"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The depth is out of range.</exception>
    public JsonGrammar(Grammar grammar, JsonLayout layout = JsonLayout.Compact, int depth = 24)
    {
        ArgumentNullException.ThrowIfNull(grammar);
        ArgumentOutOfRangeException.ThrowIfLessThan(depth, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(depth, MaxDepth);
        Grammar = grammar;
        Layout = layout;
        _depth = depth;
        Terminals = new JsonTerminals(grammar);
        Budget = new SchemaBudget(grammar);
    }

    /// <summary>The grammar that the languages are built in.</summary>
    public Grammar Grammar { get; }

    /// <summary>The white space.</summary>
    public JsonLayout Layout { get; }

    internal JsonTerminals Terminals { get; }

    /// <summary>What the schemas may cost, all together.</summary>
    internal SchemaBudget Budget { get; }

    /// <summary>Any JSON value.</summary>
    public GrammarNode AnyValue() => Value(_depth);

    /// <summary>Any JSON object.</summary>
    public GrammarNode AnyObject() => Object(_depth);

    /// <summary>Any JSON string.</summary>
    public GrammarNode AnyString() => Terminals.AnyString;

    /// <summary>The JSON values that satisfy a schema, or more where the schema says what cannot be expressed.</summary>
    /// <param name="schema">The schema.</param>
    /// <remarks>A schema that takes too much, by itself or together with others of these languages, is widened: to less depth of what is recursive, and in the end to any object or value.</remarks>
    /// <exception cref="ArgumentException">
    /// No value satisfies the schema, or none of the depth does; or the schema itself nests more than 256 levels, or holds text that is no valid Unicode.
    /// </exception>
    public GrammarNode Schema(JsonElement schema) => Schema(schema, out _);

    /// <summary>The same, and what the language does not hold to.</summary>
    /// <param name="schema">The schema.</param>
    /// <param name="leftOut">
    /// The keywords that the language is wider than, in alphabetical order: values of it may violate them. That <c>oneOf</c> is taken as <c>anyOf</c> is not
    /// told, since it makes no difference as a rule; nor are formats that are not known. A single <c>*</c> where the whole schema is left out, being too large.
    /// </param>
    /// <exception cref="ArgumentException">
    /// No value satisfies the schema, or none of the depth does; or the schema itself nests more than 256 levels, or holds text that is no valid Unicode.
    /// </exception>
    public GrammarNode Schema(JsonElement schema, out IReadOnlyList<string> leftOut)
    {
        RequireDepth(schema, 0);
        var root = new SchemaNode(schema);
        for (var depth = _depth; depth > 0; depth /= 2)
        {
            try
            {
                Budget.Begin();
                var compiler = new SchemaCompiler(this, depth);
                var language = compiler.Compile(root);
                if (language.IsNothing)
                {
                    compiler = new SchemaCompiler(this, depth, meansTypes: false);
                    language = compiler.Compile(root);
                }

                if (!language.IsNothing)
                {
                    leftOut = compiler.LeftOut;
                    return language;
                }

                if (depth == _depth)
                {
                    throw new ArgumentException($"The JSON schema allows no value of at most {_depth} levels: expected one that some value satisfies.", nameof(schema));
                }

                break;
            }
            catch (Exception e) when (e is SchemaBudgetException or InsufficientExecutionStackException)
            {
                // Too large: less of what is recursive, and in the end any value.
            }
            catch (InvalidOperationException e)
            {
                // What the reader of JSON says of half a surrogate pair.
                throw new ArgumentException($"The JSON schema holds a text that cannot be read, expected valid Unicode: {e.Message}", nameof(schema), e);
            }
        }

        leftOut = ["*"];
        return MeansObjects(schema) ? AnyObject() : AnyValue();
    }

    /// <summary>Any JSON value with so many arrays and objects within one another at most.</summary>
    internal GrammarNode Value(int depth)
    {
        lock (_gate)
        {
            if (!_values.TryGetValue(depth, out var value))
            {
                value = Grammar.Choice(Terminals.AnyString, Terminals.Number, Terminals.Boolean, Terminals.Null, Array(depth), Object(depth));
                _values[depth] = value;
            }

            return value;
        }
    }

    /// <summary>Strings that a pattern matches (null: all), but for some and for those that other patterns match; null where that takes too much.</summary>
    internal GrammarNode? Names(string? pattern, IReadOnlyList<string> without, IReadOnlyList<string> unlike) =>
        new StringLanguage(Grammar, Terminals, Budget).Names(pattern, without, unlike);

    /// <summary>Whether a schema that is too large to look at says plainly that its values are objects.</summary>
    private static bool MeansObjects(JsonElement schema)
    {
        // As the bytes stand: what is not valid Unicode cannot be read as text.
        var isObject = false;
        foreach (var property in schema.ValueKind == JsonValueKind.Object ? schema.EnumerateObject() : default)
        {
            if (JsonMarshal.GetRawUtf8PropertyName(property).SequenceEqual("type"u8))
            {
                isObject = JsonMarshal.GetRawUtf8Value(property.Value).SequenceEqual("\"object\""u8);
            }
        }

        return isObject;
    }

    private static void RequireDepth(JsonElement schema, int depth)
    {
        if (depth > MaxSchemaDepth)
        {
            throw new ArgumentException($"The JSON schema nests more than the {MaxSchemaDepth} levels expected at most.", nameof(schema));
        }

        switch (schema.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var property in schema.EnumerateObject())
                {
                    RequireDepth(property.Value, depth + 1);
                }

                break;
            case JsonValueKind.Array:
                foreach (var item in schema.EnumerateArray())
                {
                    RequireDepth(item, depth + 1);
                }

                break;
        }
    }

    private GrammarNode Array(int depth) => depth == 0 ? Grammar.Nothing : List("[", Value(depth - 1), "]");

    private GrammarNode Object(int depth) =>
        depth == 0 ? Grammar.Nothing : List("{", Grammar.Sequence(Terminals.AnyString, Grammar.Literal(Layout.Colon()), Value(depth - 1)), "}");

    private GrammarNode List(string open, GrammarNode item, string close)
    {
        var more = Grammar.Repeat(Grammar.Join(Grammar.Literal(Layout.Comma()), item));
        return Grammar.Sequence(Grammar.Literal(open), Grammar.Optional(Grammar.Join(item, more)), Grammar.Literal(close));
    }
}
