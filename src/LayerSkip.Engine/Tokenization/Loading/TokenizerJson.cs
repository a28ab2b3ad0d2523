using System.Text.Json;

namespace LayerSkip.Engine.Tokenization.Loading;

/// <summary>Reads a <c>tokenizer.json</c>.</summary>
internal static class TokenizerJson
{
    public static TokenizerDefinition Read(JsonField root)
    {
        var model = ModelReader.Read(root.Get("model", "a model of type 'BPE'"));
        var splitting = root.Find("pre_tokenizer");
        var decoding = root.Find("decoder");
        return new TokenizerDefinition
        {
            Family = IsByteLevel(splitting) || IsByteLevel(decoding) ? TokenizerFamily.ByteLevelBpe : TokenizerFamily.SentencePieceBpe,
            Model = model,
            AddedTokens = root.Find("added_tokens") is { } added ? AddedTokensReader.Read(added, model.Vocabulary) : [],
            Normalizer = root.Find("normalizer") is { } normalizer ? NormalizerReader.Read(normalizer) : null,
            PreTokenizer = splitting is { } preTokenizer ? PreTokenizerReader.Read(preTokenizer) : null,
            Template = root.Find("post_processor") is { } postProcessor ? PostProcessorReader.Read(postProcessor) : new([], []),
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
