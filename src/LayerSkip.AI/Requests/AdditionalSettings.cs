using System.Globalization;
using System.Text.Json;
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
            int number => number,
            long and (>= int.MinValue and <= int.MaxValue) => (int)(long)value,
            float number => Integral(number),
            double number => Integral(number),
            decimal number => Integral((double)number),
            string text => Parse(text),
            JsonElement { ValueKind: JsonValueKind.Number } json => Integral(json.GetDouble()),
            JsonElement { ValueKind: JsonValueKind.String } json => Parse(json.GetString()!),
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
            int or long or float or double or decimal => Convert.ToSingle(value, CultureInfo.InvariantCulture),
            string text => ParseNumber(text),
            JsonElement { ValueKind: JsonValueKind.Number } json => json.GetSingle(),
            JsonElement { ValueKind: JsonValueKind.String } json => ParseNumber(json.GetString()!),
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
            int or long or float or double or decimal => Convert.ToDouble(value, CultureInfo.InvariantCulture) switch { 0 => false, 1 => true, _ => null },
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

    private static object? Value(AdditionalPropertiesDictionary? properties, string name) =>
        properties is not null && properties.TryGetValue(name, out var value)
            && value is not JsonElement { ValueKind: JsonValueKind.Null or JsonValueKind.Undefined }
            ? value
            : null;

    private static int? Integral(double number) =>
        number is >= int.MinValue and <= int.MaxValue && number == Math.Truncate(number) ? (int)number : null;

    private static int? Parse(string text) =>
        int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static float? ParseNumber(string text) =>
        float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static ArgumentException Wrong(string name, object value, string expected) => new(
        FormattableString.Invariant($"ChatOptions.AdditionalProperties[\"{name}\"] is {value} ({value.GetType().Name}), expected {expected}."));
}
