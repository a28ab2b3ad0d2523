using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Requests;

/// <summary>The ways to shorten a conversation that leave it whole in itself, from all of it to the least: each leaves out what the one before does, and more.</summary>
internal sealed class ConversationCuts
{
    private readonly ChatMessage[] _messages;

    // What each cut keeps: everything from an index on, and one message before that (-1: none). System messages beside.
    private readonly List<(int Start, int Kept)> _cuts = [];

    public ConversationCuts(ChatMessage[] messages)
    {
        _messages = messages;
        var starts = StepStarts(messages);
        var lastTurn = starts.FindLastIndex(start => messages[start].Role == ChatRole.User);

        // All of it, then without the oldest turns. Where nobody asks anything, a turn is a step.
        _cuts.Add((0, -1));
        _cuts.AddRange(starts
            .Where(start => start > 0 && (lastTurn < 0 || messages[start].Role == ChatRole.User))
            .Select(start => (start, -1)));

        // Then the last turn without its oldest steps.
        if (lastTurn >= 0)
        {
            _cuts.AddRange(starts.Skip(lastTurn + 2).Select(start => (start, starts[lastTurn])));
        }
    }

    /// <summary>How many cuts there are, at least 1.</summary>
    public int Count => _cuts.Count;

    /// <summary>What a cut keeps, in order.</summary>
    public IReadOnlyList<ChatMessage> Messages(int cut)
    {
        var (start, kept) = _cuts[cut];
        return [.. _messages.Where((message, i) => i >= start || i == kept || IsSystem(message))];
    }

    /// <summary>Where steps begin: single messages that are not the system's, and runs from the first of some tool calls to the last of their results.</summary>
    private static List<int> StepStarts(ChatMessage[] messages)
    {
        // ends[i]: the last message that must not be parted from message i.
        var ends = new int[messages.Length];
        var calls = new Dictionary<string, int>();
        for (var i = 0; i < messages.Length; i++)
        {
            ends[i] = i;
            foreach (var content in messages[i].Contents)
            {
                if (content is FunctionCallContent call)
                {
                    calls[call.CallId] = i;
                }
                else if (content is FunctionResultContent result && calls.TryGetValue(result.CallId, out var caller))
                {
                    ends[caller] = i;
                }
            }
        }

        var starts = new List<int>();
        for (int i = 0, end = -1; i < messages.Length; i++)
        {
            if (i > end && !IsSystem(messages[i]))
            {
                starts.Add(i);
            }

            end = Math.Max(end, ends[i]);
        }

        return starts;
    }

    private static bool IsSystem(ChatMessage message) => TemplateRoles.Of(message.Role) == TemplateRoles.System;
}
