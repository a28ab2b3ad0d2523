using LayerSkip.Engine.Decoding;

namespace LayerSkip.Engine.Checkpoints.Gguf;

/// <summary>What a GGUF file says about generation: its tokenizer's special tokens, recommended sampling, and LayerSkip's own keys.</summary>
internal static class GgufGenerationReader
{
    /// <summary>Reads and checks every key.</summary>
    /// <param name="metadata">The file's keys.</param>
    /// <param name="config">The model's shape: the vocabulary and the layers bound what is valid.</param>
    /// <exception cref="CheckpointException">A key has the wrong type, a token id is outside the vocabulary, or the exit layer outside 1 .. L - 1.</exception>
    public static GenerationDefaults Read(GgufMetadata metadata, ModelConfig config)
    {
        var lastId = config.VocabularySize - 1;
        return new GenerationDefaults
        {
            BeginOfSequenceId = metadata.IntegerOrNull(GgufKeys.BeginId, 0, lastId),
            EndOfSequenceIds = ReadEnds(metadata, lastId),
            PadId = metadata.IntegerOrNull(GgufKeys.PadId, 0, lastId),
            Sample = metadata.BooleanOrNull(GgufKeys.DoSample),
            Temperature = metadata.NumberOrNull(GgufKeys.SamplingTemperature, value => value >= 0, "a number of at least 0"),
            TopK = metadata.IntegerOrNull(GgufKeys.SamplingTopK, 0, int.MaxValue),
            TopP = metadata.NumberOrNull(GgufKeys.SamplingTopP, value => value is >= 0 and <= 1, "a number from 0 to 1"),
            MaxNewTokens = metadata.IntegerOrNull(GgufKeys.MaxNewTokens, 1, int.MaxValue),
            ExitLayer = ReadExitLayer(metadata, config.Layers),
            NumSpeculations = metadata.IntegerOrNull(GgufKeys.NumSpeculations, 0, int.MaxValue),
            DraftController = metadata.ChoiceOrNull<DraftController>(GgufKeys.DraftController),
            DraftThreshold = metadata.NumberOrNull(GgufKeys.DraftThreshold, value => value is >= 0 and <= 1, "a number from 0 to 1"),
            DraftSource = metadata.ChoiceOrNull<DraftSource>(GgufKeys.DraftSource),
            DraftVocabulary = [.. (metadata.IntegersOrNull(GgufKeys.DraftVocabulary, 0, lastId) ?? []).Distinct()],
        };
    }

    /// <summary>The file's own list where there is one, else all that it calls an end: of the text, of a turn, of a message.</summary>
    private static IReadOnlyList<int> ReadEnds(GgufMetadata metadata, int lastId) =>
        metadata.IntegersOrNull(GgufKeys.EndIds, 0, lastId) is { } listed
            ? [.. listed.Distinct()]
            : [.. new[] { GgufKeys.EndId, GgufKeys.EndOfTurnId, GgufKeys.EndOfMessageId }
                .Select(key => metadata.IntegerOrNull(key, 0, lastId))
                .OfType<int>()
                .Distinct()];

    private static int? ReadExitLayer(GgufMetadata metadata, int layers) =>
        metadata.Has(GgufKeys.ExitLayer) && layers == 1
            ? throw metadata.Wrong(GgufKeys.ExitLayer, "none: the model has one layer, and nothing to exit from")
            : metadata.IntegerOrNull(GgufKeys.ExitLayer, 1, layers - 1);
}
