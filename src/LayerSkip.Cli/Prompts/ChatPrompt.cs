using LayerSkip.AI.ChatTemplates;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.Cli.Prompts;

/// <summary>Turns conversations into token ids with a checkpoint's own template.</summary>
internal sealed class ChatPrompt
{
    private readonly ChatTemplate _template;
    private readonly Tokenizer _tokenizer;

    private ChatPrompt(ChatTemplate template, Tokenizer tokenizer)
    {
        _template = template;
        _tokenizer = tokenizer;
    }

    /// <summary>Loads the template; where the checkpoint has none, says so on the error output and takes the plain "role: content" one.</summary>
    public static ChatPrompt Load(string directory, Tokenizer tokenizer, Terminal terminal)
    {
        var template = ChatTemplate.LoadFrom(directory);
        if (template is null)
        {
            terminal.Error.WriteLine($"layerskip: note: {directory} has no chat template; messages are written as lines \"role: content\"");
        }

        return new ChatPrompt(template ?? ChatTemplate.Default, tokenizer);
    }

    /// <summary>Renders and encodes a conversation that the assistant is to answer.</summary>
    /// <exception cref="ChatTemplateException">The template refuses the conversation.</exception>
    public int[] Encode(IReadOnlyList<TemplateMessage> messages)
    {
        var prompt = _template.Render(new ChatTemplateContext { Messages = messages });
        return _tokenizer.Encode(
            prompt.Text,
            [.. prompt.Segments.Select(segment => new AddedTokenRange(segment.Start, segment.Length, Matching(segment.Origin)))]);
    }

    // A user who types a control token must not end his own turn; what the model wrote may hold its own domain tokens.
    private static AddedTokenMatching Matching(PromptOrigin origin) => origin switch
    {
        PromptOrigin.Template => AddedTokenMatching.All,
        PromptOrigin.Assistant => AddedTokenMatching.NonSpecial,
        _ => AddedTokenMatching.None,
    };
}
