using LayerSkip.Engine.Decoding;

namespace LayerSkip.Engine.Checkpoints;

/// <summary>Reads <c>generation_config.json</c>, which may be absent, and completes its token ids from <c>config.json</c>.</summary>
internal static class GenerationDefaultsReader
{
    /// <summary>The file's name in a checkpoint directory.</summary>
    public const string FileName = "generation_config.json";

    /// <summary>Reads and checks every field.</summary>
    /// <param name="generation">The root of <c>generation_config.json</c>, or null where the file is absent.</param>
    /// <param name="model">The root of <c>config.json</c>.</param>
    /// <param name="config">What <paramref name="model"/> was read into: the vocabulary and the layers bound what is valid.</param>
    /// <exception cref="CheckpointException">A field has the wrong type, a token id is outside the vocabulary, or the exit layer outside 1 .. L - 1 (with coarse draft weights 1 .. L).</exception>
    public static GenerationDefaults Read(JsonSection? generation, JsonSection model, ModelConfig config)
    {
        var lastId = config.VocabularySize - 1;
        var layerSkip = generation?.SectionOrNull("layerskip");
        var draftWeights = layerSkip?.ChoiceOrNull<DraftWeights>("draft_weights");
        return new GenerationDefaults
        {
            BeginOfSequenceId = generation?.IntegerOrNull("bos_token_id", 0, lastId) ?? model.IntegerOrNull("bos_token_id", 0, lastId),
            EndOfSequenceIds =
            [
                .. (generation?.Integers("eos_token_id", 0, lastId) ?? []).Union(model.Integers("eos_token_id", 0, lastId)),
            ],
            PadId = ReadPad(generation, lastId) ?? ReadPad(model, lastId),
            Sample = generation?.BooleanOrNull("do_sample"),
            Temperature = generation?.NumberOrNull("temperature", value => value >= 0, "a number of at least 0"),
            TopK = generation?.IntegerOrNull("top_k", 0, int.MaxValue),
            TopP = generation?.NumberOrNull("top_p", value => value is >= 0 and <= 1, "a number from 0 to 1"),
            MinP = generation?.NumberOrNull("min_p", value => value is >= 0 and <= 1, "a number from 0 to 1"),
            MaxNewTokens = generation?.IntegerOrNull("max_new_tokens", 1, int.MaxValue),
            ExitLayer = ReadExitLayer(layerSkip, config.Layers, draftWeights),
            NumSpeculations = layerSkip?.IntegerOrNull("num_speculations", 0, int.MaxValue),
            DraftController = layerSkip?.ChoiceOrNull<DraftController>("draft_controller"),
            DraftThreshold = layerSkip?.NumberOrNull("draft_threshold", value => value is >= 0 and <= 1, "a number from 0 to 1"),
            DraftSource = layerSkip?.ChoiceOrNull<DraftSource>("draft_source"),
            DraftWeights = draftWeights,
            DraftVocabulary = [.. (layerSkip?.Integers("draft_vocabulary", 0, lastId) ?? []).Distinct()],
        };
    }

    /// <summary>None where it is -1, as early Llama conversions write it, or a token that fine-tuning added without a row of the embedding.</summary>
    private static int? ReadPad(JsonSection? json, int lastId) =>
        json?.IntegerOrNull("pad_token_id", -1, int.MaxValue) is { } id and >= 0 && id <= lastId ? id : null;

    private static int? ReadExitLayer(JsonSection? layerSkip, int layers, DraftWeights? weights)
    {
        if (layerSkip is null || !layerSkip.Has("exit_layer"))
        {
            return null;
        }

        var last = DecodingPlan.LastExit(layers, weights);
        if (last == 0)
        {
            throw layerSkip.Wrong("exit_layer", "none: the model has one layer, and nothing to exit from");
        }

        return layerSkip.IntegerOrNull("exit_layer", 1, last, DecodingPlan.DescribeExits(layers, weights));
    }
}
