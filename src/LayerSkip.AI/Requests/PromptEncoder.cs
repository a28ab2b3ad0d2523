using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Tools;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.AI.Requests;

/// <summary>Turns a conversation into the model's prompt. Only the template's own text can become control tokens, unless asked otherwise.</summary>
/// <param name="template">The model's chat template.</param>
/// <param name="tokenizer">The model's tokenizer.</param>
/// <param name="toolCallFormat">How the model writes tool calls; null: as the template has it.</param>
/// <param name="trusted">Whether all text may become control tokens, whoever wrote it.</param>
/// <param name="clock">What templates that write the date read; null: the system's.</param>
internal sealed class PromptEncoder(
    ChatTemplate template, Tokenizer tokenizer, ToolCallFormat? toolCallFormat = null, bool trusted = false, TimeProvider? clock = null)
{
    private static readonly IReadOnlyDictionary<string, TemplateValue> s_noVariables = new Dictionary<string, TemplateValue>();

    private readonly SystemMessageSupport _support = SystemMessageSupport.Probe(template);
    private readonly Lazy<ToolTemplateSupport> _toolSupport = new(() => ToolTemplateSupport.Probe(template));

    // A checkpoint's template writes its own begin-of-sequence token; the plain one for checkpoints without a template cannot know it.
    private readonly bool _addSpecialTokens = ReferenceEquals(template, ChatTemplate.Default);

    /// <summary>How the model writes tool calls.</summary>
    public ToolCallFormat ToolCallFormat => toolCallFormat ?? _toolSupport.Value.Format ?? ToolCallFormat.Plain;

    /// <exception cref="ChatTemplateException">The template refuses the conversation, or fails.</exception>
    public int[] Encode(IReadOnlyList<TemplateMessage> messages, IReadOnlyList<ToolDeclaration>? tools = null) =>
        Encode(Render(messages, tools: tools));

    /// <summary>The ids of a rendered conversation, or of what of it stands from some character on.</summary>
    public int[] Encode(RenderedPrompt prompt, int start = 0) => tokenizer.Encode(
        prompt.Text[start..],
        [.. prompt.Segments
            .Where(segment => segment.Origin != PromptOrigin.Template && segment.Start + segment.Length > start)
            .Select(segment => (Start: Math.Max(segment.Start, start), End: segment.Start + segment.Length, segment.Origin))
            .Select(segment => new AddedTokenRange(segment.Start - start, segment.End - segment.Start, Matching(segment.Origin)))],
        _addSpecialTokens && start == 0);

    /// <summary>
    /// Many templates insist on alternating turns, or on one call a turn; a conversation that they refuse is retried with neighbours joined, and
    /// with its calls one by one, and, should the assistant speak first, with a user before it who says nothing. Tools that the template knows nothing of are described in the system message, and calls are told as the model
    /// writes them: also where there are no tools any more, and the template then writes calls in another format, or refuses them.
    /// </summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="addGenerationPrompt">Whether the assistant is to speak next.</param>
    /// <param name="tools">The tools that the model may call.</param>
    /// <param name="variables">The template's further variables.</param>
    /// <exception cref="ChatTemplateException">The template refuses the conversation, or fails.</exception>
    public RenderedPrompt Render(
        IReadOnlyList<TemplateMessage> messages,
        bool addGenerationPrompt = true,
        IReadOnlyList<ToolDeclaration>? tools = null,
        IReadOnlyDictionary<string, TemplateValue>? variables = null)
    {
        tools ??= [];
        variables ??= s_noVariables;
        var hasCalls = messages.Any(message => message.ToolCalls.Count > 0 || message.Role == TemplateRoles.Tool);
        if (RendersTools(hasCalls, tools))
        {
            try
            {
                return RenderForms(hasCalls && ToolCallFormat == ToolCallFormat.Mistral ? ShortCallIds.In(messages) : messages, addGenerationPrompt, tools, variables);
            }
            catch (ChatTemplateException refused) when (refused.Refusal is not null && hasCalls && tools.Count == 0)
            {
                // It may check the calls' ids, or want to know their tools.
            }
        }

        return RenderForms(ToolPrompt.Write(messages, tools, ToolCallSyntax.Of(ToolCallFormat)), addGenerationPrompt, [], variables);
    }

    private RenderedPrompt RenderForms(
        IReadOnlyList<TemplateMessage> messages,
        bool addGenerationPrompt,
        IReadOnlyList<ToolDeclaration> tools,
        IReadOnlyDictionary<string, TemplateValue> variables)
    {
        ChatTemplateException? refusal = null;
        foreach (var attempt in Forms(messages))
        {
            try
            {
                return template.Render(new ChatTemplateContext
                {
                    Messages = attempt,
                    Tools = [.. tools.Select(tool => tool.Json)],
                    AddGenerationPrompt = addGenerationPrompt,
                    Variables = variables,
                    TimeProvider = clock ?? TimeProvider.System,
                });
            }
            catch (ChatTemplateException refused) when (refused.Refusal is not null)
            {
                refusal ??= refused;
            }
        }

        throw refusal!;
    }

    /// <summary>Whether the template renders what there is of tools and calls, and in the format that the model is to go on in.</summary>
    private bool RendersTools(bool hasCalls, IReadOnlyList<ToolDeclaration> tools) =>
        (tools.Count == 0 && !hasCalls)
        || (ToolCallFormat == _toolSupport.Value.Format && (tools.Count > 0 || _toolSupport.Value.RendersCallsAlone));

    /// <summary>The conversation as it is, and in other forms that say the same.</summary>
    private IEnumerable<IReadOnlyList<TemplateMessage>> Forms(IReadOnlyList<TemplateMessage> messages)
    {
        var adapted = _support.Adapt(messages);
        yield return adapted;
        var joined = Turns.JoinNeighbours(adapted);
        if (joined.Count < adapted.Count)
        {
            yield return joined;
        }

        var single = Turns.SplitCalls(joined);
        if (single.Count > joined.Count)
        {
            yield return single;
        }

        var opened = Turns.OpenByUser(messages);
        if (opened.Count > messages.Count)
        {
            yield return Turns.SplitCalls(Turns.JoinNeighbours(_support.Adapt(opened)));
        }
    }

    private AddedTokenMatching Matching(PromptOrigin origin) =>
        trusted ? AddedTokenMatching.All
        : origin == PromptOrigin.Assistant ? AddedTokenMatching.NonSpecial : AddedTokenMatching.None;
}
