using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Requests;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Cli.Prompts;

/// <summary>The messages of a chat, rendered anew for each turn.</summary>
internal sealed class Conversation
{
    private readonly PromptEncoder _prompt;
    private readonly int _maxPromptTokens;
    private readonly TemplateMessage[] _system;
    private List<TemplateMessage> _turns = [];

    /// <param name="prompt">Renders and encodes.</param>
    /// <param name="maxPositions">The model's context in tokens; a quarter of it is kept for the answer.</param>
    /// <param name="system">A system message, or null.</param>
    public Conversation(PromptEncoder prompt, int maxPositions, string? system)
    {
        _prompt = prompt;
        _maxPromptTokens = Math.Max(1, maxPositions - Math.Max(1, maxPositions / 4));
        _system = system is null ? [] : [new TemplateMessage { Role = "system", Content = system }];
    }

    /// <summary>Adds the user's message.</summary>
    /// <param name="message">What the user says.</param>
    /// <param name="forgotten">How many of the oldest messages were dropped because the context is full.</param>
    /// <returns>The prompt's token ids.</returns>
    /// <exception cref="UsageException">
    /// The message alone is too long, the prompt empty, the template refuses the message, or the tokenizer takes too long for it; the conversation stays as it was.
    /// </exception>
    public int[] Ask(string message, out int forgotten)
    {
        var question = new TemplateMessage { Role = "user", Content = message };

        // By itself first: what never fits must not cost the conversation.
        var alone = Encode(question).Length;
        if (alone > _maxPromptTokens)
        {
            throw new UsageException(
                $"the message makes a prompt of {alone} tokens, expected at most {_maxPromptTokens}: three quarters of the model's context");
        }

        if (alone == 0)
        {
            throw new UsageException("the chat template renders an empty prompt");
        }

        List<TemplateMessage> turns = [.. _turns, question];
        forgotten = 0;
        var prompt = Encode(turns);
        if (prompt.Length > _maxPromptTokens)
        {
            // Half of it at once: behind each cut the model reads anew what is left, and it is not to be cut at every turn from now on.
            while (turns.Count > 2 && prompt.Length > _maxPromptTokens / 2)
            {
                // A question goes with its answer: many templates want roles to alternate.
                turns.RemoveRange(0, 2);
                forgotten += 2;
                prompt = Encode(turns);
            }
        }

        _turns = turns;
        return prompt;
    }

    /// <summary>Forgets all messages but the system's.</summary>
    public void Forget() => _turns.Clear();

    /// <summary>Adds the assistant's answer.</summary>
    public void Answer(string text) => _turns.Add(new TemplateMessage { Role = "assistant", Content = text });

    private int[] Encode(params IEnumerable<TemplateMessage> turns)
    {
        try
        {
            return _prompt.Encode([.. _system, .. turns]);
        }
        catch (Exception e) when (e is ChatTemplateException or CheckpointException)
        {
            throw new UsageException(e.Message);
        }
    }
}
