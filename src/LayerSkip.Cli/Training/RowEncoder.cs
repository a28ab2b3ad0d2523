using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Requests;
using LayerSkip.Training;

namespace LayerSkip.Cli.Training;

/// <summary>
/// Turns rows into sequences as the chat client would meet them: the prompt as it is encoded when the assistant is to speak, then what the
/// template makes of the answer, up to the token that ends it.
/// </summary>
/// <param name="prompts">The checkpoint's template and tokenizer.</param>
/// <param name="endIds">End-of-sequence ids, at least one; the first is put behind an answer that the template does not end.</param>
internal sealed class RowEncoder(PromptEncoder prompts, IReadOnlyList<int> endIds)
{
    /// <summary>A sequence for each of the assistant's messages, with all that stands before it as its prompt; where all tokens bear a loss the last message's alone.</summary>
    /// <param name="row">The row.</param>
    /// <param name="loss">Which tokens the model is to learn.</param>
    /// <exception cref="UsageException">The template fails on the row, or the conversation with the answer does not begin with its prompt.</exception>
    public IReadOnlyList<TrainingSequence> Encode(TrainingRow row, LossRange loss)
    {
        try
        {
            var turns = loss == LossRange.All
                ? [row.Messages.Count - 1]
                : Enumerable.Range(0, row.Messages.Count).Where(turn => row.Messages[turn].Role == TemplateRoles.Assistant);
            return [.. turns.Select(turn => Encode(row, turn))];
        }
        catch (ChatTemplateException e)
        {
            throw new UsageException($"{row.Source}: {e.Message}");
        }
    }

    private TrainingSequence Encode(TrainingRow row, int turn)
    {
        var rendered = prompts.Render([.. row.Messages.Take(turn)], tools: row.Tools);
        var conversation = prompts.Render([.. row.Messages.Take(turn + 1)], addGenerationPrompt: false, row.Tools);
        if (!conversation.Text.StartsWith(rendered.Text, StringComparison.Ordinal))
        {
            throw new UsageException(
                $"{row.Source}: the chat template does not write the answer behind the prompt that it writes for generation; such a template cannot be trained with");
        }

        // As a rule a token ends where the prompt does. Where the answer's first characters would be merged with the prompt's last ones, which
        // cannot happen in generation, the answer is encoded by itself.
        var prompt = prompts.Encode(rendered);
        var whole = prompts.Encode(conversation);
        var answer = whole.AsSpan().StartsWith(prompt) ? whole[prompt.Length..] : prompts.Encode(conversation, rendered.Text.Length);
        int[] tokens = [.. prompt, .. Ended(answer)];
        return new TrainingSequence(tokens, prompt.Length);
    }

    /// <summary>The answer up to its end-of-sequence token.</summary>
    private int[] Ended(int[] answer)
    {
        var end = answer.AsSpan().IndexOfAny([.. endIds]);
        return end < 0 ? [.. answer, endIds[0]] : answer[..(end + 1)];
    }
}
