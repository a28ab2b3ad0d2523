using LayerSkip.AI.ChatTemplates;

namespace LayerSkip.AI.Requests;

/// <summary>Joins turns, for templates that do not take them one by one.</summary>
internal static class Turns
{
    private const string Separator = "\n\n";

    /// <summary>Joins neighbours of one role. Tool calls and their results stay as they are.</summary>
    public static List<TemplateMessage> JoinNeighbours(IEnumerable<TemplateMessage> messages)
    {
        var turns = new List<TemplateMessage>();
        foreach (var message in messages)
        {
            if (turns.Count > 0 && turns[^1].Role == message.Role && IsText(turns[^1]) && IsText(message))
            {
                turns[^1] = Join(turns[^1], message);
            }
            else
            {
                turns.Add(message);
            }
        }

        return turns;
    }

    /// <summary>Two turns as one of the second's role.</summary>
    public static TemplateMessage Join(TemplateMessage first, TemplateMessage second) => new()
    {
        Role = second.Role,
        Content = Join(first.Content, second.Content),
        Reasoning = second.Reasoning ?? first.Reasoning,
        Name = second.Name,
    };

    private static string? Join(string? first, string? second) =>
        string.IsNullOrEmpty(first) ? second : string.IsNullOrEmpty(second) ? first : first + Separator + second;

    private static bool IsText(TemplateMessage message) => message.ToolCalls.Count == 0 && message.ToolCallId is null;
}
