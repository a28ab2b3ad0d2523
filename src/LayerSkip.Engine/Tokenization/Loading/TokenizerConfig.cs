using System.Text.Json;

namespace LayerSkip.Engine.Tokenization.Loading;

/// <summary>
/// Reads from <c>tokenizer_config.json</c> which special tokens Hugging Face's Llama tokenizers put around a text: they build the template anew from
/// <c>add_bos_token</c> (true unless given) and <c>add_eos_token</c> (false), whatever <c>tokenizer.json</c> says.
/// </summary>
internal static class TokenizerConfig
{
    /// <summary>The tokenizer with the template that the file asks for; as it is where the file's class, such as Llama 3's, does not look at those fields.</summary>
    /// <param name="config">The file.</param>
    /// <param name="definition">What the other files say.</param>
    /// <exception cref="Checkpoints.CheckpointException">A field is damaged, or a token that is asked for does not exist.</exception>
    public static TokenizerDefinition Apply(JsonField config, TokenizerDefinition definition)
    {
        var type = config.Find("tokenizer_class")?.AsString();
        var begin = Flag(config, "add_bos_token");
        var end = Flag(config, "add_eos_token");
        var isLlama = type switch
        {
            "LlamaTokenizer" or "LlamaTokenizerFast" or "CodeLlamaTokenizer" or "CodeLlamaTokenizerFast" => true,
            null => begin is not null || end is not null, // the class is then the model's, Llama's
            _ => false,
        };
        if (!isLlama)
        {
            return definition;
        }

        var before = begin != false ? Token(config, definition, "bos_token", "<s>", begin == true) : [];
        var after = end == true ? Token(config, definition, "eos_token", "</s>", isAsked: true) : [];
        return before is null || after is null ? definition : definition with { Template = new SpecialTokenTemplate(before, after) };
    }

    /// <summary>The id of a special token that is put around texts; null where nobody asks for it and it does not exist.</summary>
    /// <param name="config">The file.</param>
    /// <param name="definition">The tokenizer.</param>
    /// <param name="name">The file's name for it, such as <c>bos_token</c>.</param>
    /// <param name="otherwise">Its spelling where the file has none.</param>
    /// <param name="isAsked">Whether the file asks for it.</param>
    /// <exception cref="Checkpoints.CheckpointException">It is asked for and does not exist.</exception>
    public static int[]? Token(JsonField config, TokenizerDefinition definition, string name, string otherwise, bool isAsked)
    {
        var field = config.Find(name);
        var spelling = field is not { } given ? otherwise
            : given.Kind == JsonValueKind.Object ? given.Get("content", "the token's spelling").AsString()
            : given.AsString();
        return definition.TryGetId(spelling, out var id) ? [id]
            : !isAsked ? null
            : field is { } unknown ? throw unknown.Unexpected("a token of the tokenizer")
            : throw config.Missing(name, "the token that is put around texts");
    }

    // To Python JSON's null is a value, and a false one, not the lack of one.
    private static bool? Flag(JsonField config, string name) =>
        config.Find(name) is { } given ? given.AsBoolean()
        : config.Element.TryGetProperty(name, out _) ? false
        : null;
}
