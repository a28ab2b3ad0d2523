using System.Text;
using System.Text.Json;
using LayerSkip.AI.ChatTemplates;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Requests;

/// <summary>Turns chat messages into what a template renders.</summary>
internal static class Conversation
{
    private static readonly JsonElement s_noArguments = JsonElement.Parse("{}");

    private static readonly UTF8Encoding s_strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    // White space would only cost tokens.
    private static readonly JsonSerializerOptions s_compact = new(AIJsonUtilities.DefaultOptions) { WriteIndented = false };

    /// <summary>Reads the messages, once.</summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="instructions">A system message before all others, or null.</param>
    /// <param name="unsupported">Told of contents that are left out, data in tools' results included.</param>
    /// <exception cref="ArgumentException">A message is null, or holds data of a text's media type that is not valid UTF-8.</exception>
    /// <exception cref="NotSupportedException">A message holds an image or other data than text.</exception>
    public static List<TemplateMessage> Read(IEnumerable<ChatMessage> messages, string? instructions, UnsupportedOptions unsupported)
    {
        var turns = new List<TemplateMessage>();
        if (!string.IsNullOrEmpty(instructions))
        {
            turns.Add(new TemplateMessage { Role = TemplateRoles.System, Content = instructions });
        }

        // Templates want to know which tool a result is from; the result itself knows its call only.
        var toolNames = new Dictionary<string, string>();
        foreach (var message in messages)
        {
            if (message is null)
            {
                throw new ArgumentException("The messages hold a null.", nameof(messages));
            }

            Add(turns, message, toolNames, unsupported);
        }

        return turns;
    }

    private static void Add(List<TemplateMessage> turns, ChatMessage message, Dictionary<string, string> toolNames, UnsupportedOptions unsupported)
    {
        var role = TemplateRoles.Of(message.Role);
        var text = new List<string>();
        var reasoning = new List<string>();
        var calls = new List<TemplateToolCall>();
        var results = new List<TemplateMessage>();
        foreach (var content in message.Contents)
        {
            switch (content)
            {
                case TextContent part:
                    text.Add(part.Text);
                    break;
                case DataContent part when IsText(part):
                    text.Add(Decode(part));
                    break;
                case DataContent part:
                    throw Unreadable(part.MediaType);
                case TextReasoningContent part:
                    reasoning.Add(part.Text);
                    break;
                case FunctionCallContent call:
                    toolNames[call.CallId] = call.Name;
                    calls.Add(new TemplateToolCall(call.Name, Arguments(call), call.CallId));
                    break;
                case FunctionResultContent result:
                    results.Add(new TemplateMessage
                    {
                        Role = TemplateRoles.Tool,
                        Content = Text(result.Result, unsupported),
                        ToolCallId = result.CallId,
                        Name = toolNames.GetValueOrDefault(result.CallId),
                    });
                    break;
                case null or UsageContent or ErrorContent:
                    break;
                case UriContent part:
                    throw Unreadable(part.MediaType);
                default:
                    unsupported.Report(content.GetType().Name);
                    break;
            }
        }

        // A message of nothing but results is those results; every other one is a turn of its own, even if it is empty.
        if (results.Count == 0 || text.Count + reasoning.Count + calls.Count > 0)
        {
            turns.Add(new TemplateMessage
            {
                Role = role,
                Content = text.Count == 0 && calls.Count > 0 ? null : string.Concat(text),
                Reasoning = role == TemplateRoles.Assistant && reasoning.Count > 0 ? string.Concat(reasoning) : null,
                ToolCalls = calls,
                Name = message.AuthorName,
            });
        }

        turns.AddRange(results);
    }

    private static JsonElement Arguments(FunctionCallContent call) => call.Arguments is null
        ? s_noArguments
        : JsonSerializer.SerializeToElement(call.Arguments, s_compact.GetTypeInfo(typeof(IDictionary<string, object?>)));

    private static string Text(object? result, UnsupportedOptions unsupported) => result switch
    {
        null or JsonElement { ValueKind: JsonValueKind.Null or JsonValueKind.Undefined } => string.Empty,
        string text => text,

        // What functions return reaches their caller as JSON.
        JsonElement { ValueKind: JsonValueKind.String } text => text.GetString()!,
        AIContent content => Text(content, unsupported),
        IEnumerable<AIContent> contents => string.Join('\n', contents.Select(content => Text(content, unsupported))),
        _ => JsonSerializer.Serialize(result, s_compact.GetTypeInfo(typeof(object))),
    };

    private static string Text(AIContent content, UnsupportedOptions unsupported)
    {
        switch (content)
        {
            case TextContent text:
                return text.Text;
            case DataContent data when IsText(data):
                return Decode(data);
            case DataContent data:
                // A tool's result is not the caller's choice, and its other contents may be all that is needed.
                unsupported.Report($"{nameof(FunctionResultContent)} with data of the media type '{data.MediaType}'");
                return $"[{data.MediaType} left out]";
            case ErrorContent error:
                return error.Message;
            case UriContent uri:
                return uri.Uri.OriginalString;
            default:
                unsupported.Report($"{nameof(FunctionResultContent)} with a {content?.GetType().Name ?? "null"}");
                return string.Empty;
        }
    }

    private static bool IsText(DataContent data) =>
        data.HasTopLevelMediaType("text")
        || data.MediaType.Split(';')[0].TrimEnd().Equals("application/json", StringComparison.OrdinalIgnoreCase); // a parameter may follow, as a rule the character set

    /// <summary>The text that data is, such as an attached file.</summary>
    private static string Decode(DataContent data)
    {
        try
        {
            return s_strictUtf8.GetString(data.Data.Span).TrimStart('\uFEFF');
        }
        catch (DecoderFallbackException exception)
        {
            var name = string.IsNullOrEmpty(data.Name) ? string.Empty : $" ('{data.Name}')";
            throw new ArgumentException(
                $"A message holds content of the media type '{data.MediaType}'{name} whose bytes are not valid UTF-8, expected text in UTF-8.", exception);
        }
    }

    private static NotSupportedException Unreadable(string mediaType) =>
        new($"A message holds content of the media type '{mediaType}', but the model reads text only.");
}
