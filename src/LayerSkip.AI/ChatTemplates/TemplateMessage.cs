using System.Text.Json;
using LayerSkip.AI.Requests;

namespace LayerSkip.AI.ChatTemplates;

/// <summary>One message of the conversation a chat template renders.</summary>
/// <remarks>
/// Its content has the origin <see cref="PromptOrigin.Assistant"/> where the role is "assistant" and <see cref="PromptOrigin.Outside"/>
/// otherwise, unless <see cref="ContentOrigin"/> says so; everything else in a message is from outside, but for a role that is one of the usual four: templates make
/// markers of it (<c>&lt;|user|&gt;</c>).
/// </remarks>
public sealed class TemplateMessage
{
    /// <summary>Who speaks: as a rule "system", "user", "assistant" or "tool".</summary>
    public required string Role { get; init; }

    /// <summary>The text. Null becomes <c>none</c> beside tool calls, as templates expect, and an empty text otherwise.</summary>
    public string? Content { get; init; }

    /// <summary>The reasoning before the content (<c>reasoning_content</c>), left out where null; of the content's origin.</summary>
    public string? Reasoning { get; init; }

    /// <summary>The tool calls of an assistant message (<c>tool_calls</c>), left out where empty.</summary>
    public IReadOnlyList<TemplateToolCall> ToolCalls { get; init; } = [];

    /// <summary>The id of the call that a tool message answers (<c>tool_call_id</c>), left out where null.</summary>
    public string? ToolCallId { get; init; }

    /// <summary>The name of the speaker or of the tool (<c>name</c>), left out where null.</summary>
    public string? Name { get; init; }

    /// <summary>The origin of <see cref="Content"/> and <see cref="Reasoning"/>; null for the role's own.</summary>
    public PromptOrigin? ContentOrigin { get; init; }

    /// <summary>Further fields of the message, as the template names them. They replace the fields above of the same name.</summary>
    public IReadOnlyDictionary<string, TemplateValue> Fields { get; init; } = new Dictionary<string, TemplateValue>();

    /// <summary>The origin of <see cref="Content"/> and <see cref="Reasoning"/>, the role's own included.</summary>
    internal PromptOrigin TextOrigin => ContentOrigin ?? (Role == "assistant" ? PromptOrigin.Assistant : PromptOrigin.Outside);

    private PromptOrigin RoleOrigin => Role is TemplateRoles.System or TemplateRoles.User or TemplateRoles.Assistant or TemplateRoles.Tool
        ? PromptOrigin.Template
        : PromptOrigin.Outside;

    /// <summary>Reads a message from JSON: <c>{"role": "user", "content": "Hi"}</c>, with whatever other fields the template knows.</summary>
    /// <param name="message">A JSON object with a string "role". Its content may be a text or a list of parts.</param>
    /// <exception cref="ArgumentException">It is no such object, or <see cref="TemplateValue.FromJson"/> refuses a field.</exception>
    public static TemplateMessage FromJson(JsonElement message)
    {
        if (message.ValueKind != JsonValueKind.Object || !message.TryGetProperty("role", out var role) || role.ValueKind != JsonValueKind.String)
        {
            throw new ArgumentException("A message must be a JSON object with a string \"role\".", nameof(message));
        }

        var speaker = new TemplateMessage { Role = role.GetString()! };
        var fields = new Dictionary<string, TemplateValue>();
        foreach (var field in message.EnumerateObject())
        {
            var isText = field.Name is "content" or "reasoning_content";
            fields[field.Name] = TemplateValue.FromJson(field.Value, isText ? speaker.TextOrigin : field.Name == "role" ? speaker.RoleOrigin : PromptOrigin.Outside);
        }

        return new TemplateMessage { Role = speaker.Role, Fields = fields };
    }

    internal TemplateValue ToValue()
    {
        var fields = new OrderedDictionary<string, TemplateValue>
        {
            ["role"] = TemplateValue.FromText(Role, RoleOrigin),
            ["content"] = Content is not null ? TemplateValue.FromText(Content, TextOrigin)
                : ToolCalls.Count > 0 || Fields.ContainsKey("tool_calls") ? TemplateValue.None
                : TemplateValue.FromText(string.Empty),
        };
        AddText("reasoning_content", Reasoning, TextOrigin);
        AddText("tool_call_id", ToolCallId, PromptOrigin.Outside);
        AddText("name", Name, PromptOrigin.Outside);
        if (ToolCalls.Count > 0)
        {
            fields["tool_calls"] = TemplateValue.FromList(ToolCalls.Select(call => call.ToValue()));
        }

        foreach (var (name, value) in Fields)
        {
            fields[name] = value;
        }

        return TemplateValue.FromMap(fields);

        void AddText(string name, string? text, PromptOrigin origin)
        {
            if (text is not null)
            {
                fields[name] = TemplateValue.FromText(text, origin);
            }
        }
    }
}
