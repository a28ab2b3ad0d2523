using System.Text.Json;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Requests;
using LayerSkip.AI.Tools;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Cli.Training;

/// <summary>Reads the conversation of a row, and the tools that its assistant may call, as OpenAI's and Hugging Face's data sets write them.</summary>
internal static class RowConversation
{
    private static readonly JsonElement s_noParameters = JsonElement.Parse("{}");

    /// <summary>A row's conversation.</summary>
    /// <param name="source">File and line, for errors.</param>
    /// <param name="messages">The field <c>messages</c>.</param>
    /// <returns>At least one message, the last of which is the assistant's.</returns>
    /// <exception cref="UsageException">It is none; the message names the field.</exception>
    public static TemplateMessage[] Messages(string source, JsonElement messages)
    {
        const string Expected = "with \"role\" and \"content\"";
        if (messages.ValueKind != JsonValueKind.Array || messages.GetArrayLength() == 0)
        {
            throw new UsageException($"{source}: messages is {RowFile.Describe(messages)}, expected an array of objects {Expected}");
        }

        var turns = messages.EnumerateArray().Select((message, index) => message.ValueKind == JsonValueKind.Object
            ? Message(source, $"messages[{index}]", message)
            : throw new UsageException($"{source}: messages[{index}] is {RowFile.Describe(message)}, expected an object {Expected}")).ToArray();
        return turns[^1].Role == TemplateRoles.Assistant
            ? turns
            : throw new UsageException($"{source}: messages[{turns.Length - 1}].role is {ErrorText.Quote(turns[^1].Role)}, expected 'assistant' at the end");
    }

    /// <summary>The tools that a row's assistant may call: its field <c>tools</c>, where there is one.</summary>
    /// <param name="source">File and line, for errors.</param>
    /// <param name="row">The row's object.</param>
    /// <exception cref="UsageException">The field is no list of tools.</exception>
    public static IReadOnlyList<ToolDeclaration> Tools(string source, JsonElement row) =>
    [
        .. Functions(source, "", row, "tools").Select(tool => new ToolDeclaration(
            tool.Name, tool.Function.TryGetProperty("parameters", out var parameters) ? parameters.Clone() : s_noParameters, tool.Whole.Clone())),
    ];

    private static TemplateMessage Message(string source, string field, JsonElement message)
    {
        var role = RowFile.Text(source, $"{field}.", message, "role");
        TemplateToolCall[] calls =
        [
            .. Functions(source, $"{field}.", message, "tool_calls").Select(call => new TemplateToolCall(
                call.Name, Arguments(source, $"{call.Field}.function.arguments", call.Function), OptionalText(source, call.Field, call.Whole, "id"))),
        ];
        if (calls.Length > 0 && role != TemplateRoles.Assistant)
        {
            throw new UsageException($"{source}: {field} has tool_calls, but its role is {ErrorText.Quote(role)}, expected 'assistant'");
        }

        return new TemplateMessage
        {
            Role = role,
            Content = calls.Length > 0 ? OptionalText(source, field, message, "content") : RowFile.Text(source, $"{field}.", message, "content"),
            ToolCalls = calls,
            ToolCallId = OptionalText(source, field, message, "tool_call_id"),
            Name = OptionalText(source, field, message, "name"),
        };
    }

    /// <summary>The items of a list of <c>{"function": {"name", ...}, ...}</c>; none where it is absent or null.</summary>
    private static IEnumerable<(string Field, string Name, JsonElement Function, JsonElement Whole)> Functions(string source, string prefix, JsonElement json, string list)
    {
        if (!json.TryGetProperty(list, out var items) || items.ValueKind == JsonValueKind.Null)
        {
            return [];
        }

        const string Expected = "{\"type\": \"function\", \"function\": {\"name\": ...}}";
        return items.ValueKind != JsonValueKind.Array
            ? throw new UsageException($"{source}: {prefix}{list} is {RowFile.Describe(items)}, expected an array of {Expected}")
            : items.EnumerateArray().Select((item, index) =>
            {
                var field = $"{prefix}{list}[{index}]";
                return item.ValueKind == JsonValueKind.Object && item.TryGetProperty("function", out var function) && function.ValueKind == JsonValueKind.Object
                    ? (field, RowFile.Text(source, $"{field}.function.", function, "name"), function, item)
                    : throw new UsageException($"{source}: {field} has no object \"function\", expected {Expected}");
            });
    }

    /// <summary>A call's arguments: an object, or as OpenAI writes them the text of one.</summary>
    private static JsonElement Arguments(string source, string field, JsonElement function)
    {
        var given = function.TryGetProperty("arguments", out var value) ? value.Clone() : default;
        var arguments = given;
        if (given.ValueKind == JsonValueKind.String)
        {
            try
            {
                arguments = JsonElement.Parse(given.GetString()!);
            }
            catch (JsonException)
            {
                // Told below, as whatever else is no object.
            }
        }

        return arguments.ValueKind == JsonValueKind.Object ? arguments : throw new UsageException(
            $"{source}: {field} is {(given.ValueKind == JsonValueKind.Undefined ? "missing" : RowFile.Describe(given))}, expected an object, or a string that holds one");
    }

    private static string? OptionalText(string source, string field, JsonElement json, string name) =>
        !json.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()
        : throw new UsageException($"{source}: {field}.{name} is {RowFile.Describe(value)}, expected a string");
}
