using System.Text.Json;
using Microsoft.Extensions.AI;

namespace LayerSkip.Parsing.Tools;

/// <summary>Reads tools' results, which function-invoking clients hand on as objects, as JSON, or as texts.</summary>
internal static class ResultText
{
    private static readonly JsonSerializerOptions s_compact = new(AIJsonUtilities.DefaultOptions) { WriteIndented = false };

    public static JsonElement ToJson(object? result) =>
        result is JsonElement json ? json : JsonSerializer.SerializeToElement(result, s_compact.GetTypeInfo(typeof(object)));

    /// <summary>A text as it is, nothing as an empty text, anything else as JSON.</summary>
    public static string Of(object? result) => result switch
    {
        null or JsonElement { ValueKind: JsonValueKind.Null or JsonValueKind.Undefined } => string.Empty,
        string text => text,
        JsonElement { ValueKind: JsonValueKind.String } text => text.GetString()!,
        _ => JsonSerializer.Serialize(result, s_compact.GetTypeInfo(typeof(object))),
    };
}
