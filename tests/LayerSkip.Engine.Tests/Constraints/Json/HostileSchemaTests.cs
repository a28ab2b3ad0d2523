using System.Globalization;
using System.Runtime.ExceptionServices;
using System.Text.Json;
using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Constraints.Json;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Tests.Tokenization;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Constraints.Json;

/// <summary>Schemas that are meant to exhaust the stack, the memory or the time: compiled, and decoded under.</summary>
public sealed class HostileSchemaTests : IDisposable
{
    private const int StackBytes = 1 << 20;

    private static readonly Dictionary<string, Func<string>> s_schemas = new()
    {
        ["a name of a megabyte"] = () => $"{{\"type\":\"object\",\"properties\":{{\"{new string('n', 1 << 20)}\":{{\"type\":\"integer\"}}}},\"required\":[\"{new string('n', 1 << 20)}\"]}}",
        ["a name of a hundred thousand characters"] = () => $"{{\"type\":\"object\",\"properties\":{{\"{new string('n', 100_000)}\":true}},\"required\":[\"{new string('n', 100_000)}\"]}}",
        ["a constant of a megabyte"] = () => $"{{\"const\":\"{new string('c', 1 << 20)}\"}}",
        ["a constant of a hundred thousand characters"] = () => $"{{\"const\":\"{new string('c', 100_000)}\"}}",
        ["values that each begin with the one before"] = () => $"{{\"enum\":[{Join(2000, i => $"\"{new string('e', i)}\"")}]}}",
        ["thousands of required properties"] = () => Object(1300, i => "{\"type\":\"integer\"}", isRequired: true),
        ["thousands of optional properties"] = () => Object(2000, i => "true", isRequired: false),
        ["thousands of counted properties"] = () => Object(2000, i => "true", isRequired: false, ",\"maxProperties\":64"),
        ["a thousand optional properties"] = () => Object(1000, i => "{\"type\":\"boolean\"}", isRequired: false),
        ["a huge conjunction of a huge choice"] = () => $"{{\"allOf\":[{Join(10_000, i => $"{{\"minLength\":{i % 3}}}")}],\"anyOf\":[{Join(6000, i => $"{{\"type\":\"string\",\"maxLength\":{i + 3}}}")}]}}",
        ["a choice of thousands of patterns"] = () => $"{{\"anyOf\":[{Join(3000, i => $"{{\"type\":\"string\",\"pattern\":\"^[a-z ]*x{i}[a-z ]*$\"}}")}]}}",
        ["all of thousands of patterns"] = () => $"{{\"type\":\"string\",\"allOf\":[{Join(3000, i => $"{{\"pattern\":\"^[a-z]*y?[a-z]{{{i % 7},}}$\"}}")}]}}",
        ["a pattern of optional parts"] = () => $"{{\"type\":\"string\",\"pattern\":\"^{string.Concat(Enumerable.Repeat("a?", 2000))}$\"}}",
        ["quantifiers on one another"] = () => $"{{\"type\":\"string\",\"pattern\":\"^a{new string('*', 4000)}$\"}}",
        ["counts on one another"] = () => $"{{\"type\":\"string\",\"pattern\":\"^a{string.Concat(Enumerable.Repeat("{2}", 1300))}$\"}}",
        ["quantified groups in one another"] = () => $"{{\"type\":\"string\",\"pattern\":\"^{new string('(', 49)}a{string.Concat(Enumerable.Repeat("b?c?d?e?f?g?h?i?j?k?)*", 49))}$\"}}",
        ["patterns in a pattern"] = () => $"{{\"type\":\"string\",\"pattern\":\"^(a|b)*({string.Join('|', Enumerable.Range(0, 60).Select(i => $"a(a|b){{{900 + i}}}"))})$\"}}",
        ["enumerations that are compared"] = () => $"{{\"allOf\":[{Join(20, _ => $"{{\"enum\":[{Join(9000, i => $"[{i},\"same\"]")}]}}")}]}}",
        ["a tuple of a hundred thousand places"] = () => $"{{\"type\":\"array\",\"prefixItems\":[{Join(100_000, _ => "{\"type\":\"integer\"}")}],\"minItems\":90000}}",
        ["a hundred thousand forbidden integers"] = () => $"{{\"type\":\"integer\",\"not\":{{\"enum\":[{Join(100_000, i => $"{i * 7}")}]}}}}",
        ["references by long pointers"] = () => $"{{\"$defs\":{{\"{new string('d', 200_000)}\":{{\"type\":\"null\"}}}},\"anyOf\":[{Join(3000, i => $"{{\"$ref\":\"#/anyOf/{i + 1}\"}}")},{{\"$ref\":\"#/$defs/{new string('d', 200_000)}\"}}]}}",
        ["objects of objects"] = () => Enumerable.Range(0, 20).Aggregate("{\"type\":\"integer\"}", (inner, i) => $"{{\"type\":\"object\",\"properties\":{{\"first{i}\":{inner},\"second{i}\":{{\"$ref\":\"#\"}}}},\"required\":[\"first{i}\"]}}"),
    };

    private readonly IDeviceModel _model = Models.Random(
        TinyCheckpoint.DefaultConfig with { VocabularySize = 2320, HiddenSize = 24, IntermediateSize = 32, Layers = 3, AttentionHeads = 2, KeyValueHeads = 1, MaxPositions = 4096 }, 5);

    public static TheoryData<string> Schemas => [.. s_schemas.Keys];

    public void Dispose() => _model.Dispose();

    [Theory]
    [MemberData(nameof(Schemas))]
    public void Decoding_takes_bounded_memory_and_no_more_stack_than_a_thread_has(string name) => OnSmallStack(() =>
    {
        var schema = JsonElement.Parse(s_schemas[name]());
        var before = GC.GetAllocatedBytesForCurrentThread();
        var language = new JsonGrammar(new Grammar()).Schema(schema);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 2L << 30);

        var constraint = new TokenConstraint(language, TestTokenizers.Parser);
        var options = Models.Autoregressive(60) with { Constraint = constraint, Sampling = new() { Temperature = 1, Seed = 3 } };
        using var generation = _model.Decode([1, 2], options);
        var state = language.After(TestTokenizers.Parser.Decode(generation.Output));
        Assert.False(state.IsNothing);
        Assert.True(generation.FinishReason is FinishReason.MaxNewTokens || state.IsNullable);
        Assert.InRange(constraint.ApproximateBytes, 1, 256L << 20);
    });

    [Fact]
    public void Many_schemas_of_one_grammar_share_a_budget()
    {
        var json = new JsonGrammar(new Grammar());
        var hostile = JsonElement.Parse(s_schemas["a huge conjunction of a huge choice"]());
        for (var i = 0; i < 200; i++)
        {
            Assert.False(json.Schema(hostile).IsNothing);
        }

        Assert.InRange(json.Grammar.Work, 0, 20_000_000);

        // What is an object stays one, whatever else is lost.
        var language = json.Schema(JsonElement.Parse(Object(100, _ => "{\"type\":\"boolean\"}", isRequired: true)), out var leftOut);
        Assert.Equal(["*"], leftOut);
        Assert.True(language.Holds("{}") && !language.Holds("1"));
    }

    [Fact]
    public void A_language_of_many_kinds_of_nodes_that_hold_one_another_is_held_to()
    {
        // As a syntax tree is described: each kind refers to all, from places of its own.
        var kinds = Join(40, i => $"{{\"type\":\"object\",\"properties\":{{\"k{i}\":{{\"$ref\":\"#/$defs/node\"}},\"l{i}\":{{\"$ref\":\"#/$defs/node\"}}}},\"required\":[\"k{i}\"]}}");
        var schema = JsonElement.Parse($"{{\"$defs\":{{\"node\":{{\"anyOf\":[{kinds},{{\"type\":\"null\"}}]}}}},\"$ref\":\"#/$defs/node\"}}");
        var language = new JsonGrammar(new Grammar()).Schema(schema, out var leftOut);

        Assert.Empty(leftOut);
        Assert.True(language.Holds("{\"k3\":{\"k39\":null,\"l39\":{\"k0\":null}}}"));
        Assert.False(language.Holds("{\"k3\":{\"k39\":null,\"l38\":null}}") || language.Holds("{\"k3\":1}"));
    }

    [Fact]
    public void Strings_of_which_no_state_is_left_are_any_strings()
    {
        var properties = Join(60, i => $"\"f{i}\":{{\"type\":\"string\",\"pattern\":\"^[a-z ]*x{{{i}}}$\",\"maxLength\":{5000 + i}}}");
        var language = new JsonGrammar(new Grammar()).Schema(JsonElement.Parse($"{{\"type\":\"object\",\"properties\":{{{properties}}}}}"), out var leftOut);
        Assert.Equal(["pattern"], leftOut);
        Assert.True(language.Holds("{\"f59\":\"É\"}"));
        Assert.False(language.Holds("{\"f59\":1}") || language.Holds("{\"f0\":\"É\"}"));
    }

    [Theory]
    [InlineData("{\"type\":\"\\ud800\",\"allOf\":[", "]}", "1")]
    [InlineData("{\"type\":\"object\",\"allOf\":[", "]}", "{}")]
    [InlineData("{\"allOf\":[", "],\"type\":\"string\",\"minLength\":\"\\udc00\"}", "1")]
    public void A_schema_of_more_values_than_are_looked_at_widens(string open, string close, string value)
    {
        var language = new JsonGrammar(new Grammar()).Schema(JsonElement.Parse($"{open}{Join(250_000, _ => "true")}{close}"), out var leftOut);
        Assert.True(language.Holds(value) && language.Holds("{}"));
        Assert.Equal(["*"], leftOut);
    }

    [Theory]
    [InlineData("""{"const":"\ud800"}""")]
    [InlineData("""{"type":"object","properties":{"\udc00x":true}}""")]
    [InlineData("""{"type":"string","pattern":"\ud800"}""")]
    [InlineData("""{"$ref":"#/\ud800"}""")]
    public void Half_a_surrogate_pair_is_refused(string schema) =>
        Assert.Contains("Unicode", Assert.Throws<ArgumentException>(() => new JsonGrammar(new Grammar()).Schema(JsonElement.Parse(schema))).Message, StringComparison.Ordinal);

    [Fact]
    public void Long_texts_are_built_joined_and_decoded_without_recursion() => OnSmallStack(() =>
    {
        var grammar = new Grammar();
        var text = string.Concat(Enumerable.Range(0, 40_000).Select(i => $"{i},"));
        var language = grammar.Sequence(grammar.Literal(text), grammar.Repeat(grammar.OneOf(["a", "b"]), 0, 5000), grammar.Literal(text));
        var constraint = new TokenConstraint(language, TestTokenizers.Parser);
        using var generation = _model.Decode([1, 2], Models.Autoregressive(300) with { Constraint = constraint });
        Assert.StartsWith(TestTokenizers.Parser.Decode(generation.Output), text, StringComparison.Ordinal);
        Assert.True(language.Holds(text + "abab" + text));
    });

    [Fact]
    public void What_has_been_derived_is_forgotten_and_found_again()
    {
        // Each text is a state of its own, of many alternatives.
        var grammar = new Grammar();
        var alternatives = Enumerable.Range(0, 400).Select(i => grammar.Sequence(
            grammar.Repeat(grammar.OneOf(["a", "b", "c"])), grammar.Literal("a"), grammar.Repeat(grammar.OneOf(["a", "b", "c"]), 20 + i, 20 + i)));
        var language = grammar.Choice([.. alternatives]);
        var random = new Random(6);
        for (var round = 0; round < 30; round++)
        {
            var text = new string([.. Enumerable.Range(0, 200).Select(_ => "abc"[random.Next(3)])]);
            Assert.False(language.After(text).IsNothing);
            Assert.True(language.After("a" + text).IsNullable);
            Assert.InRange(grammar.MemoryBytes, 0, 64 << 20);
        }
    }

    [Fact]
    public void A_mask_that_takes_too_much_fails_its_generation_and_no_other()
    {
        // Patterns that all stay possible, each with its own memory of the text.
        var grammar = new Grammar();
        var letters = Enumerable.Range('a', 26).Select(letter => ((char)letter).ToString()).ToArray();
        var alternatives = Enumerable.Range(0, 3000).Select(i => grammar.Sequence(
            grammar.Repeat(grammar.OneOf(letters)), grammar.Literal(letters[i % 26]), grammar.Repeat(grammar.OneOf(letters), i, i), grammar.Literal(".")));
        var constraint = new TokenConstraint(grammar.Choice([.. alternatives]), TestTokenizers.Parser);
        var exception = Assert.Throws<ConstraintException>(() => _model.Decode([1, 2], Models.Autoregressive(60) with { Constraint = constraint }));
        Assert.Contains("fewer alternatives", exception.Message, StringComparison.Ordinal);

        using var other = _model.Decode([1, 2], Models.Autoregressive(5) with { Constraint = new TokenConstraint(grammar.Literal("yes"), TestTokenizers.Parser) });
        Assert.Equal("yes", TestTokenizers.Parser.Decode(other.Output));
    }

    [Fact]
    public void Masks_that_each_take_long_end_the_output_that_is_the_first_to_need_them_all()
    {
        // What is in the text decides which patterns may end where: no mask serves another place.
        var patterns = Join(15, i => $"{{\"type\":\"string\",\"pattern\":\"^[a-zA-Z ]*{(char)('e' + i)}[a-zA-Z ]{{9}}$\"}}");
        var constraint = new TokenConstraint(new JsonGrammar(new Grammar()).Schema(JsonElement.Parse($"{{\"anyOf\":[{patterns}]}}")), TestTokenizers.Parser);
        var trace = new ConstraintTrace(constraint, [], maxWork: 1_000_000);
        var before = Grammar.ThreadWork;
        var exception = Assert.Throws<ConstraintException>(() => Write(trace, 100_000));
        Assert.Contains("in one output takes more than 1000000 steps", exception.Message, StringComparison.Ordinal);
        Assert.InRange(Grammar.ThreadWork - before, 1_000_000, 1_500_000);
        Assert.Throws<ConstraintException>(() => Write(trace, 1000));

        // Another output has its own, and one that nobody waits for any more finds nothing.
        var other = new ConstraintTrace(constraint, []);
        Write(other, 50);
        other.Watch(new CancellationToken(canceled: true));
        before = Grammar.ThreadWork;
        Assert.Throws<OperationCanceledException>(() => Write(other, 1000));
        Assert.InRange(Grammar.ThreadWork - before, 0, 1000);
    }

    [Fact]
    public void What_drafts_look_at_counts_by_itself()
    {
        var patterns = Join(15, i => $"{{\"type\":\"string\",\"pattern\":\"^[a-zA-Z ]*{(char)('e' + i)}[a-zA-Z ]{{9}}$\"}}");
        var constraint = new TokenConstraint(new JsonGrammar(new Grammar()).Schema(JsonElement.Parse($"{{\"anyOf\":[{patterns}]}}")), TestTokenizers.Parser);
        var trace = new ConstraintTrace(constraint, [], maxWork: 300_000) { IsDrafting = true };
        Assert.Throws<ConstraintException>(() => Write(trace, 100_000));

        trace.IsDrafting = false;
        Write(trace, 5);
        Assert.Throws<ConstraintException>(() => Write(trace, 100_000));
    }

    [Fact]
    public void What_another_thread_makes_of_a_grammar_is_not_charged_to_a_mask()
    {
        var grammar = new Grammar();
        var language = grammar.Repeat(grammar.OneOf(["a", "b"]));
        var nodes = Enumerable.Range(0, 20_000).Select(i => grammar.Literal(((char)(0x4E00 + i)).ToString())).ToArray();
        var found = 0;
        TestTokenizers.Parser.Trie(atStart: false).Find(language, (tokens, _) =>
        {
            if (found++ == 0)
            {
                // More than any mask may take.
                var thread = new Thread(() =>
                {
                    for (var i = 0; i < 300; i++)
                    {
                        grammar.Choice(nodes);
                    }
                });
                thread.Start();
                thread.Join();
            }
        });
        Assert.InRange(grammar.Work, 5 << 20, long.MaxValue);
        Assert.InRange(found, 2, 100);
    }

    /// <summary>Writes a string of random letters, as far as a constraint lets it.</summary>
    private static void Write(ConstraintTrace trace, int tokens)
    {
        var random = new Random(4);
        trace.BeginRound(tokens + 1000);
        for (var i = 0; i < tokens; i++)
        {
            var letter = Token((char)random.Next('a', 'z' + 1));
            var token = trace.Forced(0) ?? (trace.Allows(0, letter) ? letter : Token('"'));
            Assert.True(trace.Allows(0, token));
            trace.Accept(0, token);
        }

        static int Token(char text) => TestTokenizers.Parser.Encode(text.ToString(), addSpecialTokens: false)[0];
    }

    private static string Join(int count, Func<int, string> item) => string.Join(',', Enumerable.Range(0, count).Select(item));

    private static string Object(int properties, Func<int, string> value, bool isRequired, string others = "") => string.Create(
        CultureInfo.InvariantCulture,
        $"{{\"type\":\"object\",\"properties\":{{{Join(properties, i => $"{Name(i)}:{value(i)}")}}}{(isRequired ? $",\"required\":[{Join(properties, Name)}]" : "")}{others}}}");

    private static string Name(int i) => $"\"a property, number {i:d6}\"";

    /// <summary>On less stack than the engine's thread has.</summary>
    private static void OnSmallStack(Action action)
    {
        ExceptionDispatchInfo? error = null;
        var thread = new Thread(Run, StackBytes);
        thread.Start();
        thread.Join();
        error?.Throw();

        void Run()
        {
            try
            {
                action();
            }
            catch (Exception e)
            {
                error = ExceptionDispatchInfo.Capture(e);
            }
        }
    }
}
