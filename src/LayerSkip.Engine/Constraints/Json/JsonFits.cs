using System.Text.Json;

namespace LayerSkip.Engine.Constraints.Json;

/// <summary>Whether a value that a schema names is within the bounds that stand beside it.</summary>
internal static class JsonFits
{
    public static bool Within(JsonElement value, SchemaConjunction schema)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Number:
                return PlainDecimal.Parse(value.GetRawText()) is not { } number || NumberBounds.Of(schema).Contain(number);
            case JsonValueKind.String:
                var (min, max) = SchemaLimits.Of(schema, "minLength", "maxLength");
                var length = value.GetString()!.EnumerateRunes().Count();
                return length >= min && !(length > max);
            case JsonValueKind.Array:
                (min, max) = SchemaLimits.Of(schema, "minItems", "maxItems");
                return value.GetArrayLength() >= min && !(value.GetArrayLength() > max);
            default:
                return true;
        }
    }
}
