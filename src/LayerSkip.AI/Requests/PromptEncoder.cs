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
    public int[] Encode(IReadOnlyList<TemplateMessage> messages)
    {
        var prompt = Render(_support.Adapt(messages));
        return tokenizer.Encode(
            prompt.Text,
            [.. prompt.Segments
                .Where(segment => segment.Origin != PromptOrigin.Template)
                .Select(segment => new AddedTokenRange(segment.Start, segment.Length, Matching(segment.Origin)))],
            _addSpecialTokens);
    }

    /// <summary>Many templates insist on alternating turns; a conversation that does not alternate is retried with neighbours joined.</summary>
    private RenderedPrompt Render(IReadOnlyList<TemplateMessage> messages)
    {
        try
        {
            return template.Render(new ChatTemplateContext { Messages = messages });
        }
        catch (ChatTemplateException refused) when (refused.Refusal is not null)
        {
            var joined = Turns.JoinNeighbours(messages);
            if (joined.Count == messages.Count)
            {
                throw;
            }

            return template.Render(new ChatTemplateContext { Messages = joined });
        }
    }

    private static AddedTokenMatching Matching(PromptOrigin origin) =>
        origin == PromptOrigin.Assistant ? AddedTokenMatching.NonSpecial : AddedTokenMatching.None;
}
