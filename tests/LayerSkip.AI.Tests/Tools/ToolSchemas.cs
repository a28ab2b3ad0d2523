using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Tests.Tools;

/// <summary>Tools whose schemas have everything that generators of them write, as the acceptance tests of Microsoft.Extensions.AI have it.</summary>
internal static class ToolSchemas
{
    [JsonConverter(typeof(JsonStringEnumConverter<Colour>))]
    public enum Colour
    {
        Red,
        Green,
    }

    public sealed record Person(string Name, int? Age, Person? Parent);

    [JsonPolymorphic(TypeDiscriminatorPropertyName = "$type")]
    [JsonDerivedType(typeof(Cat), "cat")]
    [JsonDerivedType(typeof(Dog), "dog")]
    public abstract record Animal(string Name);

    public sealed record Cat(string Name, int Lives) : Animal(Name);

    public sealed record Dog(string Name, bool Barks) : Animal(Name);

    public static IReadOnlyList<AIFunctionDeclaration> All { get; } =
    [
        Tool("nothing", () => 0),
        Tool("boolean", (bool value) => 0),
        Tool("small_integers", (byte a, sbyte b, short c, ushort d) => 0),
        Tool("integers", (int a, uint b, long c, ulong d) => 0),
        Tool("floats", (float a, double b, decimal c) => 0),
        Tool("nullables", (int? a, bool? b, double? c, Colour? d) => 0),
        Tool("optional", (string a, int b = 5, string c = "x", bool? d = null) => 0),
        Tool("character", (char a) => 0),
        Tool("texts", (string a, string? b) => 0),
        Tool("described", ([Description("The first. \"Quoted\", <tagged> & 🦀.")] string a) => 0),
        Tool("enums", (Colour a, DayOfWeek b) => 0),
        Tool("times", (DateTime a, DateTimeOffset b) => 0),
        Tool("dates", (DateOnly a, TimeOnly b) => 0),
        Tool("duration", (TimeSpan a) => 0),
        Tool("identifiers", (Guid a, Uri b) => 0),
        Tool("bytes", (byte[] a) => 0),
        Tool("lists", (string[] a, List<int> b, IEnumerable<double> c) => 0),
        Tool("nested_lists", (int[][] a) => 0),
        Tool("dictionary", (Dictionary<string, int> a) => 0),
        Tool("json", (JsonElement a, JsonNode? b, object? c) => 0),
        Tool("recursive", (Person a) => 0),
        Tool("polymorphic", (Animal a) => 0),
        Tool("ranges", ([Range(1, 10)] int a, [StringLength(5, MinimumLength = 2)] string b, [MinLength(1), MaxLength(3)] int[] c) => 0),
        Tool("pattern", ([RegularExpression("^[a-z]{2,4}$")] string a, [EmailAddress] string b) => 0),
        Declaration("free", """{"type": "object"}"""),
        Declaration("mcp", """{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {"path": {"type": "string"}, "depth": {"type": "integer", "minimum": 0}}, "required": ["path"], "additionalProperties": false}"""),
        Declaration("untyped", """{"properties": {"a": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}, "b": {"const": 4}, "c": true}, "required": ["a", "b"]}"""),
        Declaration("open", """{"type": ["object", "null"], "additionalProperties": {"type": "integer"}, "$comment": "any integers"}"""),
        Declaration("unknown_words", """{"type": "object", "properties": {"a": {"type": "string", "not": {"enum": ["x"]}, "x-vendor": [1], "contentEncoding": "base64", "unevaluatedItems": false}}, "title": "t", "default": {}}"""),
    ];

    private static AIFunction Tool(string name, Delegate method) => AIFunctionFactory.Create(method, name);

    private static AIFunctionDeclaration Declaration(string name, string schema) => AIFunctionFactory.CreateDeclaration(name, "A tool.", JsonElement.Parse(schema));
}
