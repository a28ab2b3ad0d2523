using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;
using WebApi.OpenAI;

namespace WebApi;

/// <summary>Reads a request's body. Of one that cannot be read it says what is wrong as the other errors do, by the names that callers know.</summary>
internal static partial class RequestBody
{
    /// <summary>Reads a JSON object.</summary>
    /// <exception cref="BadHttpRequestException">The body is of another content type, or too long.</exception>
    /// <exception cref="ArgumentException">It is no JSON, or not of this shape; the message names the field.</exception>
    public static async ValueTask<T?> ReadAsync<T>(HttpContext caller, JsonTypeInfo<T> shape)
        where T : class
    {
        if (!caller.Request.HasJsonContentType())
        {
            throw new BadHttpRequestException(
                $"The request's content type is '{caller.Request.ContentType}', expected application/json.", StatusCodes.Status415UnsupportedMediaType);
        }

        using var buffer = new MemoryStream();
        try
        {
            await caller.Request.Body.CopyToAsync(buffer, caller.RequestAborted);
        }
        catch (BadHttpRequestException e)
        {
            var reason = e.StatusCode == StatusCodes.Status413PayloadTooLarge ? $"is too long, expected at most {RequestLimits.BodyBytes} bytes." : "broke off.";
            throw new BadHttpRequestException($"The request's body {reason}", e.StatusCode, e);
        }

        return Read(buffer.GetBuffer().AsSpan(0, (int)buffer.Length), shape);
    }

    private static T Read<T>(ReadOnlySpan<byte> body, JsonTypeInfo<T> shape)
    {
        if (body.Trim(" \t\r\n"u8).IsEmpty)
        {
            throw new ArgumentException("The request has no body, expected a JSON object.");
        }

        var json = Parse(body);
        try
        {
            var request = json.Deserialize(shape) ?? throw new ArgumentException("The request's body is null, expected a JSON object.");
            if (shape.UnmappedMemberHandling == JsonUnmappedMemberHandling.Disallow)
            {
                RequireDistinct(json, "");
            }

            return request;
        }
        catch (JsonException e)
        {
            JsonInput.Readable(json, "The request's body");
            throw new ArgumentException(Explain(shape, e.Path ?? "$"), e);
        }
    }

    /// <summary>Refuses fields that stand twice, of which the reader takes the last: where no unknown field is passed over, no known one should be, either.</summary>
    private static void RequireDistinct(JsonElement element, string name)
    {
        if (element.ValueKind == JsonValueKind.Array)
        {
            var i = 0;
            foreach (var item in element.EnumerateArray())
            {
                RequireDistinct(item, $"{name}[{i++}]");
            }
        }
        else if (element.ValueKind == JsonValueKind.Object)
        {
            var seen = new HashSet<string>();
            foreach (var property in element.EnumerateObject())
            {
                var field = name.Length > 0 ? $"{name}.{property.Name}" : property.Name;
                if (!seen.Add(property.Name))
                {
                    throw new ArgumentException($"{field} is given twice, expected once.");
                }

                RequireDistinct(property.Value, field);
            }
        }
    }

    private static JsonElement Parse(ReadOnlySpan<byte> body)
    {
        try
        {
            return JsonElement.Parse(body);
        }
        catch (JsonException e)
        {
            throw new ArgumentException(
                $"The request's body cannot be read from line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1} on, expected JSON that is whole and not nested more than 64 deep.", e);
        }
    }

    /// <summary>What should stand where the reader could not go on.</summary>
    private static string Explain(JsonTypeInfo shape, string path)
    {
        var name = "";
        foreach (Match step in Steps().Matches(path))
        {
            var type = shape.ElementType;
            if (step.Groups["field"] is { Success: true, Value: var field })
            {
                type = shape.Properties.FirstOrDefault(property => property.Name == field)?.PropertyType;
                field = Excerpt.Of(field);
                name = name.Length > 0 ? $"{name}.{field}" : field;
                if (type is null)
                {
                    return $"'{name}' is not known here, expected one of {string.Join(", ", shape.Properties.Select(static property => property.Name))}.";
                }
            }
            else
            {
                name += step.Value;
            }

            shape = shape.Options.GetTypeInfo(type!);
        }

        return $"{(name.Length > 0 ? name : "The request's body")} cannot be read, expected {Expected(shape)}.";
    }

    private static string Expected(JsonTypeInfo shape)
    {
        var type = Nullable.GetUnderlyingType(shape.Type) ?? shape.Type;
        return type == typeof(string) ? "a text"
            : type == typeof(bool) ? "true or false"
            : type == typeof(int) ? "an integer of 32 bits"
            : type == typeof(long) ? "an integer of 64 bits"
            : type == typeof(float) ? "a number"
            : shape.Kind == JsonTypeInfoKind.Enumerable ? "an array"
            : "a JSON object";
    }

    /// <summary>The steps of a path: <c>.field</c>, <c>[7]</c>, and last, where no field of that name is known, perhaps <c>['any text']</c>.</summary>
    [GeneratedRegex(@"\['(?<field>.*)'\]$|\.(?<field>[^.\[]*)|\[\d+\]", RegexOptions.Singleline)]
    private static partial Regex Steps();
}
