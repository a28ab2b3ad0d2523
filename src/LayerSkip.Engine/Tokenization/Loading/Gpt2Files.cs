using System.Text;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Tokenization.Bpe;
using LayerSkip.Engine.Tokenization.Decoding;
using LayerSkip.Engine.Tokenization.PreTokenization;

namespace LayerSkip.Engine.Tokenization.Loading;

/// <summary>Reads GPT-2's <c>vocab.json</c> and <c>merges.txt</c>; what <c>tokenizer_config.json</c> does not say is as GPT-2 has it.</summary>
internal static class Gpt2Files
{
    private const string EndOfText = "<|endoftext|>";

    /// <param name="vocabularyFile">The tokens.</param>
    /// <param name="mergesFile">The merges' file, for errors.</param>
    /// <param name="mergesBytes">The merges.</param>
    /// <param name="config">What <c>tokenizer_config.json</c> says, if there is one.</param>
    /// <exception cref="CheckpointException">A file is damaged, or another class of tokenizers wrote them.</exception>
    public static TokenizerDefinition Read(JsonField vocabularyFile, string mergesFile, byte[] mergesBytes, JsonField? config)
    {
        if (config?.Find("tokenizer_class") is { } type && type.AsString() is not ("GPT2Tokenizer" or "GPT2TokenizerFast"))
        {
            throw type.Unexpected($"'GPT2Tokenizer' beside vocab.json and merges.txt, or a tokenizer.json ({TokenizerFiles.HowToWriteJson})");
        }

        var vocabulary = ModelReader.ReadVocabulary(vocabularyFile);
        var added = config?.Find("added_tokens_decoder") is { } tokens ? AddedTokensReader.ReadDecoder(tokens, vocabulary) : [];
        if (vocabulary.TryGetId(EndOfText, out var id) && !added.Exists(token => token.Content == EndOfText))
        {
            added.Add(new AddedToken(id, EndOfText, IsSpecial: true, IsNormalized: false, StripLeft: false, StripRight: false, IsSingleWord: false));
        }

        var definition = new TokenizerDefinition
        {
            Origin = vocabularyFile.File,
            Family = TokenizerFamily.ByteLevelBpe,
            Model = new BpeModel(vocabulary, ReadMerges(vocabulary, mergesFile, mergesBytes), new BpeOptions()),
            AddedTokens = added,
            PreTokenizer = new ByteLevelPreTokenizer(addPrefixSpace: config?.Find("add_prefix_space")?.AsBoolean() ?? false, useRegex: true),
            Decoder = new DecoderSettings { IsByteLevel = true },
        };
        return config is { } asked && asked.Find("add_bos_token")?.AsBoolean() == true
            ? definition with { Template = new SpecialTokenTemplate(TokenizerConfig.Token(asked, definition, "bos_token", EndOfText, isAsked: true)!, []) }
            : definition;
    }

    private static MergeTable ReadMerges(Vocabulary vocabulary, string file, byte[] bytes)
    {
        string text;
        try
        {
            text = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetString(bytes);
        }
        catch (DecoderFallbackException e)
        {
            throw new CheckpointException($"{file} is not UTF-8: {e.Message}", e);
        }

        var merges = new MergeTableBuilder(vocabulary, file);
        foreach (var range in text.AsSpan().Split('\n'))
        {
            var line = text.AsSpan()[range].TrimEnd('\r');
            if (!line.IsEmpty && !line.StartsWith("#version"))
            {
                merges.Add(line);
            }
        }

        return merges.Build();
    }
}
