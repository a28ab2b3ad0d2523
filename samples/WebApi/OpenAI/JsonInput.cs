using System.Text.Json;

namespace WebApi.OpenAI;

/// <summary>Checks JSON of callers that is not read into a type of its own.</summary>
internal static class JsonInput
{
    /// <summary>The element, all of whose texts can be read: JSON may escape half of a surrogate pair, which is no text.</summary>
    /// <exception cref="ArgumentException">A text in it cannot be read.</exception>
    public static JsonElement Readable(JsonElement element, string name)
    {
        try
        {
            Visit(element);
            return element;
        }
        catch (InvalidOperationException e)
        {
            throw new ArgumentException($"{name} holds a text that is no Unicode, expected surrogates in pairs.", e);
        }
    }

    /// <inheritdoc cref="Readable(JsonElement, string)" />
    public static JsonElement? Readable(JsonElement? element, string name) => element is { } present ? Readable(present, name) : null;

    /// <summary>A JSON schema of bounded length.</summary>
    /// <exception cref="ArgumentException">It is no schema, or too long.</exception>
    public static JsonElement Schema(JsonElement schema, string name)
    {
        if (schema.ValueKind != JsonValueKind.Object)
        {
            throw new ArgumentException($"{name} is {Excerpt(schema)}, expected an object.");
        }

        RequestLimits.Require(schema.GetRawText().Length, RequestLimits.SchemaLength, $"The length of {name}");
        return Readable(schema, name);
    }

    /// <summary>The element's beginning, for messages.</summary>
    public static string Excerpt(JsonElement element) => element.GetRawText() is { Length: > 60 } text ? text[..60] + "..." : element.GetRawText();

    private static void Visit(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var property in element.EnumerateObject())
                {
                    _ = property.Name;
                    Visit(property.Value);
                }

                break;
            case JsonValueKind.Array:
                foreach (var item in element.EnumerateArray())
                {
                    Visit(item);
                }

                break;
            case JsonValueKind.String:
                _ = element.GetString();
                break;
        }
    }
}
