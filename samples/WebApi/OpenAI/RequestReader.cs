using System.Text.Json;
using Microsoft.Extensions.AI;

namespace WebApi.OpenAI;

/// <summary>Turns a request of OpenAI's API into messages and options.</summary>
internal static class RequestReader
{
    /// <summary>The client's own settings that callers may set. Not <c>prefix_scope</c>: it keeps callers apart.</summary>
    private static readonly string[] s_settings = ["exit_layer", "num_speculations", "decoding_mode", "logprobs", "top_logprobs", "chat_template_kwargs"];

    /// <exception cref="ArgumentException">A message cannot be read; the message names it.</exception>
    public static List<ChatMessage> Messages(CompletionRequest request) => request.Messages is { Count: > 0 }
        ? [.. request.Messages.Select(Message)]
        : throw new ArgumentException("messages is missing or empty, expected at least one.");

    /// <exception cref="ArgumentException">An option cannot be read; the message names it.</exception>
    public static ChatOptions Options(CompletionRequest request)
    {
        if (request.N is { } n and not 1)
        {
            throw new ArgumentException($"n is {n}, expected 1.");
        }

        return new ChatOptions
        {
            Temperature = request.Temperature,
            TopP = request.TopP,
            MaxOutputTokens = RequestLimits.RequireTokens(request.MaxCompletionTokens, "max_completion_tokens") ?? RequestLimits.RequireTokens(request.MaxTokens, "max_tokens"),
            FrequencyPenalty = request.FrequencyPenalty,
            PresencePenalty = request.PresencePenalty,
            Seed = request.Seed,
            StopSequences = Stop(request.Stop),
            Tools = Tools(request.Tools),
            ToolMode = ToolMode(request.ToolChoice),
            AllowMultipleToolCalls = request.ParallelToolCalls,
            ResponseFormat = Format(request.ResponseFormat),
            Reasoning = Effort(request.ReasoningEffort) is { } effort ? new() { Effort = effort } : null,
            AdditionalProperties = request.Others is { } others
                ? new(s_settings.Where(others.ContainsKey).ToDictionary(static name => name, name => (object?)JsonInput.Readable(others[name], name)))
                : null,
        };
    }

    private static ChatMessage Message(RequestMessage? message, int index)
    {
        var role = SpeakerRole.Read(message?.Role, $"messages[{index}].role");
        var text = Text(message!.Content, $"messages[{index}].content");
        if (role == ChatRole.Tool)
        {
            var callId = message.ToolCallId ?? throw new ArgumentException($"messages[{index}].tool_call_id is missing, expected the id of the call that it answers.");
            return new ChatMessage(ChatRole.Tool, [new FunctionResultContent(callId, text)]);
        }

        var read = new ChatMessage(role, SpeakerRole.RequireText(role, text, $"messages[{index}].content")) { AuthorName = message.Name };
        if (!string.IsNullOrEmpty(message.ReasoningContent))
        {
            read.Contents.Insert(0, new TextReasoningContent(message.ReasoningContent));
        }

        foreach (var (at, call) in (message.ToolCalls ?? []).Index())
        {
            var name = $"messages[{index}].tool_calls[{at}]";
            read.Contents.Add(new FunctionCallContent(
                call?.Id ?? throw new ArgumentException($"{name}.id is missing, expected a text."),
                call.Function?.Name ?? throw new ArgumentException($"{name}.function.name is missing, expected a text."),
                Arguments(call.Function.Arguments, $"{name}.function.arguments")));
        }

        return read;
    }

    private static Dictionary<string, object?> Arguments(string? json, string name)
    {
        // Of a call without arguments, some clients write none.
        if (string.IsNullOrWhiteSpace(json))
        {
            return [];
        }

        try
        {
            return (JsonSerializer.Deserialize(json, Wire.Default.DictionaryStringJsonElement) ?? [])
                .ToDictionary(static argument => argument.Key, argument => (object?)JsonInput.Readable(argument.Value, name));
        }
        catch (JsonException e)
        {
            throw new ArgumentException($"{name} is no JSON object.", e);
        }
    }

    private static string? Text(JsonElement? content, string name) => JsonInput.Readable(content, name) switch
    {
        null or { ValueKind: JsonValueKind.Null } => null,
        { ValueKind: JsonValueKind.String } text => text.GetString(),
        { ValueKind: JsonValueKind.Array } parts => string.Concat(parts.EnumerateArray().Select((part, i) =>
            part.ValueKind == JsonValueKind.Object && part.TryGetProperty("text", out var text) && text.ValueKind == JsonValueKind.String
                ? text.GetString()
                : throw new ArgumentException($"{name}[{i}] is {JsonInput.Excerpt(part)}, expected a part of type text: the model reads nothing else."))),
        { } other => throw new ArgumentException($"{name} is {JsonInput.Excerpt(other)}, expected a text or an array of parts."),
    };

    private static List<string>? Stop(JsonElement? stop) => JsonInput.Readable(stop, "stop") switch
    {
        null or { ValueKind: JsonValueKind.Null } => null,
        { ValueKind: JsonValueKind.String } one => [one.GetString()!],
        { ValueKind: JsonValueKind.Array } several when several.GetArrayLength() > RequestLimits.StopSequences =>
            throw new ArgumentException($"stop has {several.GetArrayLength()} texts, expected at most {RequestLimits.StopSequences}."),
        { ValueKind: JsonValueKind.Array } several when several.EnumerateArray().All(static item => item.ValueKind == JsonValueKind.String) =>
            [.. several.EnumerateArray().Select(static item => item.GetString()!)],
        { } other => throw new ArgumentException($"stop is {JsonInput.Excerpt(other)}, expected a text or an array of texts."),
    };

    private static List<AITool>? Tools(IReadOnlyList<RequestTool?>? tools)
    {
        RequestLimits.Require(tools?.Count ?? 0, RequestLimits.Tools, "The number of tools");
        return tools is { Count: > 0 } ? [.. tools.Select(Tool)] : null;
    }

    private static AIFunctionDeclaration Tool(RequestTool? tool, int index)
    {
        if (tool is not { Type: "function", Function: { Name: { Length: > 0 } name } function })
        {
            throw new ArgumentException($"tools[{index}] is of type '{tool?.Type}', expected 'function' with a function that has a name.");
        }

        RequestLimits.Require(name.Length, RequestLimits.NameLength, $"The length of tools[{index}].function.name");
        var parameters = function.Parameters is { ValueKind: not JsonValueKind.Null } schema
            ? JsonInput.Schema(schema, $"tools[{index}].function.parameters")
            : JsonElement.Parse("""{"type":"object","properties":{}}""");
        return AIFunctionFactory.CreateDeclaration(name, function.Description, parameters);
    }

    private static ChatToolMode? ToolMode(JsonElement? choice) => JsonInput.Readable(choice, "tool_choice") switch
    {
        null or { ValueKind: JsonValueKind.Null } => null,
        { ValueKind: JsonValueKind.String } word => word.GetString() switch
        {
            "none" => ChatToolMode.None,
            "auto" => ChatToolMode.Auto,
            "required" => ChatToolMode.RequireAny,
            _ => throw new ArgumentException($"tool_choice is {JsonInput.Excerpt(word)}, expected none, auto, required or a function."),
        },
        { ValueKind: JsonValueKind.Object } named when named.TryGetProperty("function", out var function) && function.ValueKind == JsonValueKind.Object
            && function.TryGetProperty("name", out var name) && name.ValueKind == JsonValueKind.String => ChatToolMode.RequireSpecific(name.GetString()!),
        { } other => throw new ArgumentException($"tool_choice is {JsonInput.Excerpt(other)}, expected none, auto, required or a function."),
    };

    private static ReasoningEffort? Effort(string? effort) => effort switch
    {
        null => null,
        "none" => ReasoningEffort.None,
        "minimal" or "low" => ReasoningEffort.Low,
        "medium" => ReasoningEffort.Medium,
        "high" => ReasoningEffort.High,
        "xhigh" => ReasoningEffort.ExtraHigh,
        _ => throw new ArgumentException($"reasoning_effort is '{Excerpt.Of(effort)}', expected none, minimal, low, medium, high or xhigh."),
    };

    private static ChatResponseFormat? Format(RequestFormat? format) => format switch
    {
        null => null,
        { Type: "text" } => ChatResponseFormat.Text,
        { Type: "json_object" } => ChatResponseFormat.Json,
        { Type: "json_schema", JsonSchema: { Schema: { } schema } named } => ChatResponseFormat.ForJsonSchema(
            JsonInput.Schema(schema, "response_format.json_schema.schema"), named.Name, named.Description),
        _ => throw new ArgumentException($"response_format is of type '{format.Type}', expected text, json_object, or json_schema with a schema."),
    };
}
