using System.Collections.Frozen;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Tokenization.Loading;

namespace LayerSkip.Engine.Checkpoints.Gguf;

/// <summary>What a GGUF file says about generation: its tokenizer's special tokens, recommended sampling, and LayerSkip's own keys.</summary>
internal static class GgufGenerationReader
{
    // Those that llama.cpp knows, but for some of other architectures.
    private static readonly FrozenSet<string> s_ends = FrozenSet.Create(
        StringComparer.Ordinal,
        "</s>", "<eos>", "<EOT>", "_<EOT>", "<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>", "<|endoftext|>", "<|end_of_text|>", "<end_of_turn>",
        "<end_of_utterance>", "<｜end▁of▁sentence｜>");

    /// <summary>Reads and checks every key.</summary>
    /// <param name="metadata">The file's keys.</param>
    /// <param name="config">The model's shape: the vocabulary and the layers bound what is valid.</param>
    /// <exception cref="CheckpointException">A key has the wrong type, a token id of LayerSkip's own keys is outside the vocabulary, or the exit layer outside 1 .. L - 1 (with coarse draft weights 1 .. L).</exception>
    public static GenerationDefaults Read(GgufMetadata metadata, ModelConfig config)
    {
        var lastId = config.VocabularySize - 1;
        var draftWeights = metadata.ChoiceOrNull<DraftWeights>(GgufKeys.DraftWeights);
        return new GenerationDefaults
        {
            BeginOfSequenceId = metadata.TokenOrNull(GgufKeys.BeginId, config.VocabularySize),
            EndOfSequenceIds = ReadEnds(metadata, lastId),
            PadId = metadata.TokenOrNull(GgufKeys.PadId, config.VocabularySize),
            Sample = metadata.BooleanOrNull(GgufKeys.DoSample),
            Temperature = metadata.NumberOrNull(GgufKeys.SamplingTemperature, value => value >= 0, "a number of at least 0"),
            TopK = metadata.IntegerOrNull(GgufKeys.SamplingTopK, 0, int.MaxValue),
            TopP = metadata.NumberOrNull(GgufKeys.SamplingTopP, value => value is >= 0 and <= 1, "a number from 0 to 1"),
            MinP = metadata.NumberOrNull(GgufKeys.SamplingMinP, value => value is >= 0 and <= 1, "a number from 0 to 1"),
            MaxNewTokens = metadata.IntegerOrNull(GgufKeys.MaxNewTokens, 1, int.MaxValue),
            ExitLayer = ReadExitLayer(metadata, config.Layers, draftWeights),
            NumSpeculations = metadata.IntegerOrNull(GgufKeys.NumSpeculations, 0, int.MaxValue),
            DraftController = metadata.ChoiceOrNull<DraftController>(GgufKeys.DraftController),
            DraftThreshold = metadata.NumberOrNull(GgufKeys.DraftThreshold, value => value is >= 0 and <= 1, "a number from 0 to 1"),
            DraftSource = metadata.ChoiceOrNull<DraftSource>(GgufKeys.DraftSource),
            DraftWeights = draftWeights,
            DraftVocabulary = [.. (metadata.IntegersOrNull(GgufKeys.DraftVocabulary, 0, lastId) ?? []).Distinct()],
        };
    }

    /// <summary>
    /// The file's own list where there is one, else all that it calls an end (of the text, of a turn, of a message), and all special tokens that are known
    /// for ends by their spelling: converters name no more than one.
    /// </summary>
    private static IReadOnlyList<int> ReadEnds(GgufMetadata metadata, int lastId)
    {
        if (metadata.IntegersOrNull(GgufKeys.EndIds, 0, lastId) is { } listed)
        {
            return [.. listed.Distinct()];
        }

        int?[] named =
        [
            metadata.TokenOrNull(GgufKeys.EndId, lastId + 1)
                ?? (lastId >= GgufTokenizer.SentencePieceEnd && metadata.TextOrNull(GgufKeys.TokenizerModel) == "llama" ? GgufTokenizer.SentencePieceEnd : null),
            metadata.TokenOrNull(GgufKeys.EndOfTurnId, lastId + 1),
            metadata.TokenOrNull(GgufKeys.EndOfMessageId, lastId + 1),
        ];
        return [.. named.OfType<int>().Union(ReadSpelledEnds(metadata, lastId))];
    }

    private static IEnumerable<int> ReadSpelledEnds(GgufMetadata metadata, int lastId)
    {
        var tokens = metadata.TextsOrNull(GgufKeys.Tokens) ?? [];
        var types = metadata.IntegersOrNull(GgufKeys.TokenTypes, (int)GgufTokenType.Undefined, (int)GgufTokenType.Byte) ?? [];
        for (var id = 0; id < Math.Min(tokens.Length, types.Length) && id <= lastId; id++)
        {
            // What is an ordinary token stands in texts.
            if (types[id] is (int)GgufTokenType.Control or (int)GgufTokenType.UserDefined && s_ends.Contains(tokens[id]))
            {
                yield return id;
            }
        }
    }

    private static int? ReadExitLayer(GgufMetadata metadata, int layers, DraftWeights? weights)
    {
        var last = DecodingPlan.LastExit(layers, weights);
        if (metadata.Has(GgufKeys.ExitLayer) && last == 0)
        {
            throw metadata.Wrong(GgufKeys.ExitLayer, "none: the model has one layer, and nothing to exit from");
        }

        return metadata.IntegerOrNull(GgufKeys.ExitLayer, 1, last, DecodingPlan.DescribeExits(layers, weights));
    }
}
