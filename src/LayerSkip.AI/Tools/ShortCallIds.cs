using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Requests;

namespace LayerSkip.AI.Tools;

/// <summary>
/// Calls' ids for templates that take none but nine letters or digits, as Mistral's do: those of other services and formats are replaced, each by one of its own, and calls
/// without an id get one, which the results that follow without any take in turn.
/// </summary>
internal static class ShortCallIds
{
    /// <summary>Characters of an id.</summary>
    public const int Length = 9;

    /// <summary>A conversation with such ids.</summary>
    public static TemplateMessage[] In(IReadOnlyList<TemplateMessage> messages)
    {
        var (made, unanswered) = (0, new Queue<string>());
        return [.. messages.Select(message => message.ToolCalls.Count == 0 && message.Role != TemplateRoles.Tool
            ? message
            : new TemplateMessage
            {
                Role = message.Role,
                Content = message.Content,
                Reasoning = message.Reasoning,
                ToolCalls = [.. message.ToolCalls.Select(call => call with { Id = call.Id is { } id ? Of(id) : Make() })],
                ToolCallId = message.ToolCallId is { } answered ? Of(answered) : message.Role == TemplateRoles.Tool && unanswered.TryDequeue(out var next) ? next : null,
                Name = message.Name,
                ContentOrigin = message.ContentOrigin,
                Fields = message.Fields,
            })];

        string Make()
        {
            var id = string.Create(CultureInfo.InvariantCulture, $"call{made++:D5}");
            unanswered.Enqueue(id);
            return id;
        }
    }

    private static string Of(string id) => id.Length == Length && id.All(char.IsAsciiLetterOrDigit)
        ? id
        : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(id)))[..Length];
}
