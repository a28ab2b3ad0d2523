using System.Text.Json;

namespace LayerSkip.Engine.Tokenization.Loading;

/// <summary>Reads a <c>tokenizer.json</c>.</summary>
internal static class TokenizerJson
{
    public static TokenizerDefinition Read(JsonField root)
    {
        var model = ModelReader.Read(root.Get("model", "a model of type 'BPE'"));
        var addedTokens = root.Find("added_tokens") is { } added ? AddedTokensReader.Read(added, model.Vocabulary) : [];
        var ids = model.Vocabulary.Tokens.Select(token => token.Value).Concat(addedTokens.Select(token => token.Id)).ToHashSet();
        var splitting = root.Find("pre_tokenizer");
        var decoding = root.Find("decoder");
        return new TokenizerDefinition
        {
            Origin = root.File,
            Family = IsByteLevel(splitting) || IsByteLevel(decoding) ? TokenizerFamily.ByteLevelBpe : TokenizerFamily.SentencePieceBpe,
            Model = model,
            AddedTokens = addedTokens,
            Normalizer = root.Find("normalizer") is { } normalizer ? NormalizerReader.Read(normalizer) : null,
            PreTokenizer = splitting is { } preTokenizer ? PreTokenizerReader.Read(preTokenizer) : null,
            Template = root.Find("post_processor") is { } postProcessor ? PostProcessorReader.Read(postProcessor, ids) : new([], []),
            Decoder = DecoderReader.Read(decoding),
        };
    }

    // Both are checked in full by their own readers; here only a ByteLevel, alone or within a Sequence, is looked for.
    private static bool IsByteLevel(JsonField? step) => step is { Kind: JsonValueKind.Object } field
        && (field.Find("type") is { Kind: JsonValueKind.String } type && type.AsString() == "ByteLevel"
            || Steps(field, "pretokenizers").Concat(Steps(field, "decoders")).Any(inner => IsByteLevel(inner)));

    private static IEnumerable<JsonField> Steps(JsonField field, string name) =>
        field.Find(name) is { Kind: JsonValueKind.Array } steps ? steps.Items() : [];
}
