using LayerSkip.AI.ChatTemplates;

namespace LayerSkip.AI.Requests;

/// <summary>Where a template takes system messages. Some refuse them, and others drop them silently, which loses an agent's instructions.</summary>
internal sealed class SystemMessageSupport
{
    private const string Mark = "layerskip system message";

    private readonly bool _atStart;
    private readonly bool _later;

    private SystemMessageSupport(bool atStart, bool later)
    {
        _atStart = atStart;
        _later = later;
    }

    /// <summary>Asks the template itself: renders conversations with a system message, and looks whether it is there.</summary>
    public static SystemMessageSupport Probe(ChatTemplate template)
    {
        var system = Message(TemplateRoles.System, Mark);
        var user = Message(TemplateRoles.User, "question");
        var assistant = Message(TemplateRoles.Assistant, "answer");
        return new(Shows(template, [system, user]), Shows(template, [user, assistant, system, user]));
    }

    /// <summary>Moves system messages that the template would not take into the user's turn that follows.</summary>
    public IReadOnlyList<TemplateMessage> Adapt(IReadOnlyList<TemplateMessage> messages)
    {
        if (_atStart && _later)
        {
            return messages;
        }

        var turns = new List<TemplateMessage>();
        TemplateMessage? pending = null;
        foreach (var message in messages)
        {
            if (message.Role == TemplateRoles.System)
            {
                if (_atStart && turns.Count == 0)
                {
                    turns.Add(message);
                }
                else if (_atStart && turns is [{ Role: TemplateRoles.System }])
                {
                    turns[0] = Turns.Join(turns[0], message);
                }
                else
                {
                    pending = pending is null ? message : Turns.Join(pending, message);
                }
            }
            else if (pending is not null && message.Role == TemplateRoles.User)
            {
                turns.Add(Turns.Join(pending, message));
                pending = null;
            }
            else
            {
                turns.Add(message);
            }
        }

        if (pending is not null)
        {
            turns.Add(Message(TemplateRoles.User, pending.Content));
        }

        return turns;
    }

    private static bool Shows(ChatTemplate template, IReadOnlyList<TemplateMessage> messages)
    {
        try
        {
            return template.Render(new ChatTemplateContext { Messages = messages }).Text.Contains(Mark, StringComparison.OrdinalIgnoreCase);
        }
        catch (ChatTemplateException)
        {
            return false;
        }
    }

    private static TemplateMessage Message(string role, string? content) => new() { Role = role, Content = content };
}
