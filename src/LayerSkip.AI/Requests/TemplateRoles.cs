using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Requests;

/// <summary>The roles that chat templates know.</summary>
internal static class TemplateRoles
{
    public const string System = "system";
    public const string User = "user";
    public const string Assistant = "assistant";
    public const string Tool = "tool";

    /// <summary>The template's name of a role. "developer" is a newer name of the system; any other role is the template's to judge.</summary>
    public static string Of(ChatRole role) =>
        role == ChatRole.System || role == new ChatRole("developer") ? System
        : role == ChatRole.User ? User
        : role == ChatRole.Assistant ? Assistant
        : role == ChatRole.Tool ? Tool
        : role.Value;
}
