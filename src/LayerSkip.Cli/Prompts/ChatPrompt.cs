using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Requests;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.Cli.Prompts;

/// <summary>Loads what turns conversations into token ids, the same as behind the chat client.</summary>
internal static class ChatPrompt
{
    /// <summary>Loads the template and puts it before the tokenizer.</summary>
    public static PromptEncoder Load(string directory, Tokenizer tokenizer, Terminal terminal) => new(LoadTemplate(directory, terminal), tokenizer);

    /// <summary>Loads the template; where the checkpoint has none, says so on the error output and takes the plain "role: content" one.</summary>
    public static ChatTemplate LoadTemplate(string directory, Terminal terminal)
    {
        var template = ChatTemplate.LoadFrom(directory);
        if (template is null)
        {
            terminal.Note($"{directory} has no chat template; messages are written as lines \"role: content\"");
        }

        return template ?? ChatTemplate.Default;
    }
}
