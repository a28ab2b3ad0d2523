using System.Security.Cryptography;
using System.Text;
using LayerSkip.AI.ChatTemplates;

namespace LayerSkip.AI.Tools;

/// <summary>Calls' ids for templates that take none but nine letters or digits, as Mistral's do: those of other services and formats are replaced, each by one of its own.</summary>
internal static class ShortCallIds
{
    /// <summary>Characters of an id.</summary>
    public const int Length = 9;

    /// <summary>A conversation with such ids.</summary>
    public static TemplateMessage[] In(IReadOnlyList<TemplateMessage> messages) => [.. messages.Select(message => message.ToolCalls.Count == 0 && message.ToolCallId is null
        ? message
        : new TemplateMessage
        {
            Role = message.Role,
            Content = message.Content,
            Reasoning = message.Reasoning,
            ToolCalls = [.. message.ToolCalls.Select(call => call with { Id = Of(call.Id) })],
            ToolCallId = Of(message.ToolCallId),
            Name = message.Name,
            ContentOrigin = message.ContentOrigin,
            Fields = message.Fields,
        })];

    private static string? Of(string? id) => id is null || (id.Length == Length && id.All(char.IsAsciiLetterOrDigit))
        ? id
        : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(id)))[..Length];
}
