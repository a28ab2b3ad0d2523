using System.Text.Json;

namespace LayerSkip.Engine.Constraints.Json;

/// <summary>Types of JSON values.</summary>
[Flags]
internal enum JsonTypes
{
    None = 0,
    Null = 1,
    Boolean = 2,
    Integer = 4,

    /// <summary>Numbers that are not written as integers; a schema's <c>number</c> is both.</summary>
    Fraction = 8,
    Number = Integer | Fraction,
    String = 16,
    Array = 32,
    Object = 64,
    All = 127,
}

/// <summary>Names and values of types.</summary>
internal static class JsonTypeNames
{
    /// <summary>The type of a schema's name; an unknown one restricts nothing.</summary>
    public static JsonTypes Parse(string? name) => name switch
    {
        "null" => JsonTypes.Null,
        "boolean" => JsonTypes.Boolean,
        "integer" => JsonTypes.Integer,
        "number" => JsonTypes.Number,
        "string" => JsonTypes.String,
        "array" => JsonTypes.Array,
        "object" => JsonTypes.Object,
        _ => JsonTypes.All,
    };

    public static JsonTypes Of(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => JsonTypes.Null,
        JsonValueKind.True or JsonValueKind.False => JsonTypes.Boolean,
        JsonValueKind.Number => PlainDecimal.Parse(value.GetRawText()) is { Fraction.Length: > 0 } ? JsonTypes.Fraction : JsonTypes.Integer,
        JsonValueKind.String => JsonTypes.String,
        JsonValueKind.Array => JsonTypes.Array,
        JsonValueKind.Object => JsonTypes.Object,
        _ => JsonTypes.None,
    };
}
