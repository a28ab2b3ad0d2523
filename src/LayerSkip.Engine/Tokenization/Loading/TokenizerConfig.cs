using System.Text.Json;

namespace LayerSkip.Engine.Tokenization.Loading;

/// <summary>
/// Reads from <c>tokenizer_config.json</c> which tokens are added to those of <c>tokenizer.json</c>, and which special tokens Hugging Face's Llama tokenizers put around a text: they build the template anew from
/// <c>add_bos_token</c> (true unless given) and <c>add_eos_token</c> (false), whatever <c>tokenizer.json</c> says.
/// </summary>
internal static class TokenizerConfig
{
    private static readonly string[] s_specialTokens = ["bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"];

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

    /// <summary>
    /// The tokenizer with the added tokens that the file lists (<c>added_tokens_decoder</c>) or names (<c>bos_token</c> and the like): Hugging Face's tokenizers add them to those of
    /// <c>tokenizer.json</c>, and where both have one, what this file says of it counts.
    /// </summary>
    /// <param name="config">The file.</param>
    /// <param name="definition">What <c>tokenizer.json</c> says.</param>
    /// <exception cref="Checkpoints.CheckpointException">A field is damaged.</exception>
    public static TokenizerDefinition AddTokens(JsonField config, TokenizerDefinition definition)
    {
        HashSet<string> special = [.. s_specialTokens.Select(config.Find).OfType<JsonField>().Select(Spelling).Concat(
            config.Find("additional_special_tokens") is { } more ? more.Items().Select(Spelling) : [])];
        var added = definition.AddedTokens.ToList();
        var places = added.Index().ToDictionary(token => token.Item.Content, token => token.Index);
        var taken = added.Select(token => token.Id).Concat(definition.Model.Vocabulary.Tokens.Select(token => token.Value)).ToHashSet();
        foreach (var listed in config.Find("added_tokens_decoder") is { } decoder ? AddedTokensReader.ReadEntries(decoder, definition.Model.Vocabulary) : [])
        {
            // By its spelling: the ids are those of tokenizer.json, and only what that does not know brings its own. What is special stays so.
            var token = listed with { IsSpecial = listed.IsSpecial || special.Contains(listed.Content) };
            if (places.TryGetValue(token.Content, out var place))
            {
                added[place] = token with { Id = added[place].Id, IsSpecial = token.IsSpecial || added[place].IsSpecial };
            }
            else if (definition.Model.Vocabulary.TryGetId(token.Content, out var id))
            {
                Add(token with { Id = id });
            }
            else if (taken.Add(token.Id))
            {
                Add(token);
            }
        }

        foreach (var spelling in special)
        {
            if (!places.ContainsKey(spelling) && definition.Model.Vocabulary.TryGetId(spelling, out var id))
            {
                Add(new AddedToken(id, spelling, IsSpecial: true, IsNormalized: false, StripLeft: false, StripRight: false, IsSingleWord: false));
            }
        }

        return definition with { AddedTokens = added };

        void Add(AddedToken token)
        {
            places.Add(token.Content, added.Count);
            added.Add(token);
        }
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
        var spelling = field is { } given ? Spelling(given) : otherwise;
        return definition.TryGetId(spelling, out var id) ? [id]
            : !isAsked ? null
            : field is { } unknown ? throw unknown.Unexpected("a token of the tokenizer")
            : throw config.Missing(name, "the token that is put around texts");
    }

    private static string Spelling(JsonField token) => token.Kind == JsonValueKind.Object ? token.Get("content", "the token's spelling").AsString() : token.AsString();

    // To Python JSON's null is a value, and a false one, not the lack of one.
    private static bool? Flag(JsonField config, string name) =>
        config.Find(name) is { } given ? given.AsBoolean()
        : config.Element.TryGetProperty(name, out _) ? false
        : null;
}
