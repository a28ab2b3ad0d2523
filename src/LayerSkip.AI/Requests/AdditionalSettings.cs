using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using LayerSkip.Engine.Decoding;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Requests;

/// <summary>Reads LayerSkip's settings from a request's additional properties, whatever type they went through on their way.</summary>
internal static class AdditionalSettings
{
    /// <exception cref="ArgumentException">The value is no integer.</exception>
    public static int? Integer(AdditionalPropertiesDictionary? properties, string name)
    {
        if (Value(properties, name) is not { } value)
        {
            return null;
        }

        // Middleware and JSON turn integers into other numbers and into texts.
        return value switch
        {
            string text => Parse(text),
            JsonElement { ValueKind: JsonValueKind.Number } json => Integral(json.GetDouble()),
            JsonElement { ValueKind: JsonValueKind.String } json => Parse(json.GetString()!),
            _ when IsNumber(value) => Integral(Convert.ToDouble(value, CultureInfo.InvariantCulture)),
            _ => null,
        } ?? throw Wrong(name, value, "an integer");
    }

    /// <exception cref="ArgumentException">The value is no number.</exception>
    public static float? Number(AdditionalPropertiesDictionary? properties, string name)
    {
        if (Value(properties, name) is not { } value)
        {
            return null;
        }

        return value switch
        {
            string text => ParseNumber(text),
            JsonElement { ValueKind: JsonValueKind.Number } json => json.GetSingle(),
            JsonElement { ValueKind: JsonValueKind.String } json => ParseNumber(json.GetString()!),
            _ when IsNumber(value) => Convert.ToSingle(value, CultureInfo.InvariantCulture),
            _ => (float?)null,
        } ?? throw Wrong(name, value, "a number");
    }

    /// <exception cref="ArgumentException">The value names no mode.</exception>
    public static DecodingMode? Mode(AdditionalPropertiesDictionary? properties, string name)
    {
        if (Value(properties, name) is not { } value)
        {
            return null;
        }

        return value switch
        {
            DecodingMode mode when Enum.IsDefined(mode) => mode,
            string text => DecodingModeNames.Parse(text),
            JsonElement { ValueKind: JsonValueKind.String } json => DecodingModeNames.Parse(json.GetString()!),
            _ => (DecodingMode?)null,
        } ?? throw Wrong(name, value, DecodingModeNames.Expected);
    }

    /// <exception cref="ArgumentException">The value names none of the choices.</exception>
    public static T? Choice<T>(AdditionalPropertiesDictionary? properties, string name)
        where T : struct, Enum
    {
        if (Value(properties, name) is not { } value)
        {
            return null;
        }

        return value switch
        {
            T choice when Enum.IsDefined(choice) => choice,
            string text => ChoiceNames.Parse<T>(text),
            JsonElement { ValueKind: JsonValueKind.String } json => ChoiceNames.Parse<T>(json.GetString()!),
            _ => null,
        } ?? throw Wrong(name, value, $"one of {ChoiceNames.Expected<T>()}");
    }

    /// <exception cref="ArgumentException">The value is neither true nor false.</exception>
    public static bool? Boolean(AdditionalPropertiesDictionary? properties, string name)
    {
        if (Value(properties, name) is not { } value)
        {
            return null;
        }

        return value switch
        {
            bool flag => flag,
            string text => bool.TryParse(text, out var flag) ? flag : null,
            JsonElement { ValueKind: JsonValueKind.True } => true,
            JsonElement { ValueKind: JsonValueKind.False } => false,
            JsonElement { ValueKind: JsonValueKind.String } json => bool.TryParse(json.GetString(), out var flag) ? flag : null,
            _ when IsNumber(value) => Convert.ToDouble(value, CultureInfo.InvariantCulture) switch { 0 => false, 1 => true, _ => null },
            _ => (bool?)null,
        } ?? throw Wrong(name, value, "true or false");
    }

    /// <exception cref="ArgumentException">The value is no text.</exception>
    public static string? Text(AdditionalPropertiesDictionary? properties, string name)
    {
        if (Value(properties, name) is not { } value)
        {
            return null;
        }

        return value switch
        {
            string text => text,
            JsonElement { ValueKind: JsonValueKind.String } json => json.GetString(),
            _ => throw Wrong(name, value, "a text"),
        };
    }

    /// <exception cref="ArgumentException">The value is no JSON object.</exception>
    public static JsonElement? Members(AdditionalPropertiesDictionary? properties, string name)
    {
        if (Value(properties, name) is not { } value)
        {
            return null;
        }

        return value switch
        {
            JsonElement { ValueKind: JsonValueKind.Object } json => json,
            IDictionary<string, object?> members => JsonSerializer.SerializeToElement(
                members, AIJsonUtilities.DefaultOptions.GetTypeInfo(typeof(IDictionary<string, object?>))),
            _ => throw Wrong(name, value, "a JSON object"),
        };
    }

    private static object? Value(AdditionalPropertiesDictionary? properties, string name)
    {
        var value = properties?.GetValueOrDefault(name);
        return value switch
        {
            JsonElement { ValueKind: JsonValueKind.Null or JsonValueKind.Undefined } => null,
            JsonNode node => JsonElement.Parse(node.ToJsonString()),
            _ => value,
        };
    }

    /// <summary>Whether the value is of one of .NET's own number types, from <see cref="sbyte"/> to <see cref="decimal"/>.</summary>
    private static bool IsNumber(object value) => value is not Enum && Type.GetTypeCode(value.GetType()) is >= TypeCode.SByte and <= TypeCode.Decimal;

    private static int? Integral(double number) =>
        number is >= int.MinValue and <= int.MaxValue && number == Math.Truncate(number) ? (int)number : null;

    private static int? Parse(string text) =>
        int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static float? ParseNumber(string text) =>
        float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static ArgumentException Wrong(string name, object value, string expected) => new(
        FormattableString.Invariant($"ChatOptions.AdditionalProperties[\"{name}\"] is {value} ({value.GetType().Name}), expected {expected}."));
}
