using Microsoft.Extensions.AI;

namespace WebApi;

/// <summary>The roles that callers may give a message. Of any other, a chat template makes what it likes, and may leave the message out.</summary>
internal static class SpeakerRole
{
    /// <summary>A message's text, which a user's must have: to nothing there is no answer.</summary>
    /// <exception cref="ArgumentException">A user says nothing.</exception>
    public static string? RequireText(ChatRole role, string? text, string name) => role != ChatRole.User || !string.IsNullOrWhiteSpace(text)
        ? text
        : throw new ArgumentException($"{name} is {(text is null ? "missing" : "empty")}, expected a text.");

    /// <summary>Reads a role.</summary>
    /// <param name="role">What the caller wrote.</param>
    /// <param name="name">Where, for the error.</param>
    /// <param name="takesTools">Whether a message can say which call it is the result of.</param>
    /// <exception cref="ArgumentException">It is none of them.</exception>
    public static ChatRole Read(string? role, string name, bool takesTools = true) => role switch
    {
        "system" or "developer" => ChatRole.System,
        "user" => ChatRole.User,
        "assistant" => ChatRole.Assistant,
        "tool" when takesTools => ChatRole.Tool,
        _ => throw new ArgumentException($"{name} is {(role is null ? "missing" : $"'{Excerpt.Of(role)}'")}, expected {(takesTools ? "system, user, assistant or tool" : "system, user or assistant")}."),
    };
}
