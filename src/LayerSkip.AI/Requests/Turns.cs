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

    /// <summary>Divides turns of several tool calls into turns of one call, each followed by its result.</summary>
    public static List<TemplateMessage> SplitCalls(IReadOnlyList<TemplateMessage> messages)
    {
        var turns = new List<TemplateMessage>();
        for (var i = 0; i < messages.Count; i++)
        {
            var message = messages[i];
            if (message.ToolCalls.Count < 2)
            {
                turns.Add(message);
                continue;
            }

            var results = new List<TemplateMessage>();
            while (i + 1 < messages.Count && messages[i + 1].Role == TemplateRoles.Tool)
            {
                results.Add(messages[++i]);
            }

            for (var number = 0; number < message.ToolCalls.Count; number++)
            {
                var call = message.ToolCalls[number];
                turns.Add(new TemplateMessage
                {
                    Role = message.Role,
                    Content = number == 0 ? message.Content : null,
                    Reasoning = number == 0 ? message.Reasoning : null,
                    ToolCalls = [call],
                    Name = message.Name,
                    ContentOrigin = message.ContentOrigin,
                });
                if (results.Find(result => result.ToolCallId == call.Id) is { } own)
                {
                    turns.Add(own);
                    results.Remove(own);
                }
            }

            turns.AddRange(results);
        }

        return turns;
    }

    /// <summary>Puts a user who says nothing before an assistant who speaks first, system messages aside: a greeting.</summary>
    public static IReadOnlyList<TemplateMessage> OpenByUser(IReadOnlyList<TemplateMessage> messages)
    {
        var systems = messages.TakeWhile(message => message.Role == TemplateRoles.System).Count();
        return systems < messages.Count && messages[systems].Role == TemplateRoles.Assistant
            ? [.. messages.Take(systems), new TemplateMessage { Role = TemplateRoles.User, Content = string.Empty }, .. messages.Skip(systems)]
            : messages;
    }

    /// <summary>Two turns as one of the second's role, of the less trusted one's origin.</summary>
    public static TemplateMessage Join(TemplateMessage first, TemplateMessage second) => new()
    {
        Role = second.Role,
        Content = Join(first.Content, second.Content),
        Reasoning = second.Reasoning ?? first.Reasoning,
        Name = second.Name,
        ContentOrigin = first.TextOrigin < second.TextOrigin ? first.TextOrigin : second.TextOrigin,
    };

    private static string? Join(string? first, string? second) =>
        string.IsNullOrEmpty(first) ? second : string.IsNullOrEmpty(second) ? first : first + Separator + second;

    private static bool IsText(TemplateMessage message) => message.ToolCalls.Count == 0 && message.ToolCallId is null;
}
