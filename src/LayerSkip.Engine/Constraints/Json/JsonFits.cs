using System.Text.Json;

namespace LayerSkip.Engine.Constraints.Json;

/// <summary>Whether a value that a schema names is within the bounds that stand beside it.</summary>
internal static class JsonFits
{
    public static bool Within(JsonElement value, SchemaConjunction schema, PatternMatches matches)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Number:
                return PlainDecimal.Parse(value.GetRawText()) is not { } number || NumberBounds.Of(schema).Contain(number);
            case JsonValueKind.String:
                var (min, max) = SchemaLimits.Of(schema, "minLength", "maxLength");
                var text = value.GetString()!;
                var length = text.EnumerateRunes().Count();
                return length >= min && !(length > max) && StringLanguage.Texts(schema, "pattern").All(pattern => matches.Match(pattern, text) != false);
            case JsonValueKind.Array:
                (min, max) = SchemaLimits.Of(schema, "minItems", "maxItems");
                return value.GetArrayLength() >= min && !(value.GetArrayLength() > max);
            default:
                return true;
        }
    }
}
