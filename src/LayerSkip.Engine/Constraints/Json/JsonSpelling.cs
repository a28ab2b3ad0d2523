using System.Globalization;
using System.Text;
using System.Text.Json;

namespace LayerSkip.Engine.Constraints.Json;

/// <summary>The one way in which a certain JSON value is written.</summary>
internal static class JsonSpelling
{
    /// <summary>A string with its quotes; escaped only where JSON requires it. Lone surrogates become U+FFFD.</summary>
    public static string OfString(string text)
    {
        var result = new StringBuilder("\"");
        foreach (var rune in text.EnumerateRunes())
        {
            result.Append(rune.Value is < 0x20 or '"' or '\\' ? Escape((char)rune.Value) : rune.ToString());
        }

        return result.Append('"').ToString();
    }

    /// <summary>A value as it stands, white space apart.</summary>
    /// <param name="value">The value.</param>
    /// <param name="layout">Its separators.</param>
    public static string Of(JsonElement value, JsonLayout layout)
    {
        var text = new StringBuilder();
        Write(value, layout, text);
        return text.ToString();
    }

    /// <summary>A control character, quote or backslash.</summary>
    public static string Escape(char character) => character switch
    {
        '"' => "\\\"",
        '\\' => @"\\",
        '\b' => "\\b",
        '\f' => "\\f",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        _ => string.Create(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}"),
    };

    private static void Write(JsonElement value, JsonLayout layout, StringBuilder text)
    {
        var separator = string.Empty;
        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                text.Append(OfString(value.GetString()!));
                break;
            case JsonValueKind.Array:
                text.Append('[');
                foreach (var item in value.EnumerateArray())
                {
                    text.Append(separator);
                    Write(item, layout, text);
                    separator = layout.Comma();
                }

                text.Append(']');
                break;
            case JsonValueKind.Object:
                text.Append('{');
                foreach (var property in value.EnumerateObject())
                {
                    text.Append(separator).Append(OfString(property.Name)).Append(layout.Colon());
                    Write(property.Value, layout, text);
                    separator = layout.Comma();
                }

                text.Append('}');
                break;
            default:
                text.Append(value.GetRawText());
                break;
        }
    }
}
