using LayerSkip.AI.ChatTemplates;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.AI.Requests;

/// <summary>Turns a conversation into the model's prompt. Only the template's own text can become control tokens.</summary>
internal sealed class PromptEncoder(ChatTemplate template, Tokenizer tokenizer)
{
    private readonly SystemMessageSupport _support = SystemMessageSupport.Probe(template);

    // A checkpoint's template writes its own begin-of-sequence token; the plain one for checkpoints without a template cannot know it.
    private readonly bool _addSpecialTokens = ReferenceEquals(template, ChatTemplate.Default);

    /// <exception cref="ChatTemplateException">The template refuses the conversation, or fails.</exception>
    public int[] Encode(IReadOnlyList<TemplateMessage> messages) => Encode(Render(messages));

    /// <summary>The ids of a rendered conversation, or of what of it stands from some character on.</summary>
    public int[] Encode(RenderedPrompt prompt, int start = 0) => tokenizer.Encode(
        prompt.Text[start..],
        [.. prompt.Segments
            .Where(segment => segment.Origin != PromptOrigin.Template && segment.Start + segment.Length > start)
            .Select(segment => (Start: Math.Max(segment.Start, start), End: segment.Start + segment.Length, segment.Origin))
            .Select(segment => new AddedTokenRange(segment.Start - start, segment.End - segment.Start, Matching(segment.Origin)))],
        _addSpecialTokens && start == 0);

    /// <summary>Many templates insist on alternating turns; a conversation that does not alternate is retried with neighbours joined.</summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="addGenerationPrompt">Whether the assistant is to speak next.</param>
    /// <exception cref="ChatTemplateException">The template refuses the conversation, or fails.</exception>
    public RenderedPrompt Render(IReadOnlyList<TemplateMessage> messages, bool addGenerationPrompt = true)
    {
        messages = _support.Adapt(messages);
        try
        {
            return template.Render(new ChatTemplateContext { Messages = messages, AddGenerationPrompt = addGenerationPrompt });
        }
        catch (ChatTemplateException refused) when (refused.Refusal is not null)
        {
            var joined = Turns.JoinNeighbours(messages);
            if (joined.Count == messages.Count)
            {
                throw;
            }

            return template.Render(new ChatTemplateContext { Messages = joined, AddGenerationPrompt = addGenerationPrompt });
        }
    }

    private static AddedTokenMatching Matching(PromptOrigin origin) =>
        origin == PromptOrigin.Assistant ? AddedTokenMatching.NonSpecial : AddedTokenMatching.None;
}
