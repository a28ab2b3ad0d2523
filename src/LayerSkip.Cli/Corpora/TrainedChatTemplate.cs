using LayerSkip.AI.ChatTemplates;

namespace LayerSkip.Cli.Corpora;

/// <summary>The chat template of a tokenizer to train: a file's, or the shipped parser's.</summary>
internal static class TrainedChatTemplate
{
    /// <summary>The shipped parser's: one space before the user's words, none before the answer, which begins with its own.</summary>
    public const string BuiltIn =
        "{{- '<|begin|>' }}{%- for message in messages %}"
        + "{%- if message['role'] == 'user' %}{{- '<|user|> ' + message['content'] | trim }}"
        + "{%- elif message['role'] == 'assistant' %}{{- '<|assistant|> ' + message['content'] | trim + '<|end|>' }}{%- endif %}"
        + "{%- endfor %}{%- if add_generation_prompt %}{{- '<|assistant|>' }}{%- endif %}";

    private const string None = "none";

    private static readonly string[] s_builtInTokens = ["<|begin|>", "<|user|>", "<|assistant|>", "<|end|>"];

    /// <summary>The template's source; null for none.</summary>
    /// <param name="file">A file, "none", or null for the built-in template.</param>
    /// <param name="specialTokens">The tokenizer's control tokens.</param>
    /// <exception cref="UsageException">The file cannot be read or holds no valid template, or a token that the built-in template writes is missing.</exception>
    public static string? Read(string? file, IReadOnlyList<string> specialTokens)
    {
        if (file is null)
        {
            return s_builtInTokens.Except(specialTokens).FirstOrDefault() is { } missing
                ? throw new UsageException($"--special lacks '{missing}', which the built-in chat template writes; add it, or give --chat-template")
                : BuiltIn;
        }

        if (file == None)
        {
            return null;
        }

        var source = InputText.ReadFile("--chat-template", file);
        try
        {
            return ChatTemplate.Parse(source).Source;
        }
        catch (ChatTemplateException e)
        {
            throw new UsageException($"--chat-template {file}: {e.Message}");
        }
    }
}
