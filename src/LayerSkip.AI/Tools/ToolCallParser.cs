using System.Text;
using System.Text.Json;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Tools;

/// <summary>Reads one call's JSON, whatever a model makes of it.</summary>
internal static class ToolCallParser
{
    private static readonly string[] s_argumentsNames = ["arguments", "parameters"];

    /// <summary>
    /// The call that the JSON writes, or null where it names no tool. Arguments that cannot be read are left null, with the error in the call's
    /// <see cref="FunctionCallContent.Exception"/>.
    /// </summary>
    /// <param name="json">The JSON.</param>
    /// <param name="id">The call's id.</param>
    public static FunctionCallContent? Parse(string json, string id)
    {
        if (NameOf(json) is not { } name)
        {
            return null;
        }

        return FunctionCallContent.CreateFromParsedArguments(
            json,
            id,
            name,
            static json => Arguments(JsonElement.Parse(json)));
    }

    private static Dictionary<string, object?> Arguments(JsonElement call)
    {
        foreach (var name in s_argumentsNames)
        {
            if (call.TryGetProperty(name, out var arguments) && arguments.ValueKind != JsonValueKind.Null)
            {
                return Members(arguments);
            }
        }

        return [];
    }

    private static Dictionary<string, object?> Members(JsonElement arguments)
    {
        // Some models write the object into a string, as the protocols of services do.
        if (arguments.ValueKind == JsonValueKind.String)
        {
            arguments = JsonElement.Parse(arguments.GetString()!);
        }

        if (arguments.ValueKind != JsonValueKind.Object)
        {
            throw new JsonException($"The arguments must be a JSON object, not {arguments.ValueKind}.");
        }

        var members = new Dictionary<string, object?>();
        foreach (var member in arguments.EnumerateObject())
        {
            members[member.Name] = member.Value.ValueKind == JsonValueKind.Null ? null : member.Value;
        }

        return members;
    }

    /// <summary>The name, even of JSON that is damaged further on.</summary>
    private static string? NameOf(string json)
    {
        var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(json));
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType == JsonTokenType.PropertyName && reader.CurrentDepth == 1 && reader.ValueTextEquals("name"u8))
                {
                    return reader.Read() && reader.TokenType == JsonTokenType.String && reader.GetString() is { Length: > 0 } name ? name : null;
                }
            }
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // Neither JSON nor, in the other case, Unicode.
        }

        return null;
    }
}
