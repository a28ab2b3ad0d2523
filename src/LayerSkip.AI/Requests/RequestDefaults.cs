using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;

namespace LayerSkip.AI.Requests;

/// <summary>What holds where a request is silent: the client's options, completed from the checkpoint. Null is left to the engine.</summary>
internal sealed record RequestDefaults(
    DecodingMode? Mode,
    int? ExitLayer,
    int? NumSpeculations,
    DraftController? DraftController,
    float? DraftThreshold,
    DraftSource? DraftSource,
    DraftWeights? DraftWeights,
    int? MaxOutputTokens,
    float Temperature,
    int TopK,
    float TopP,
    float MinP)
{
    public static RequestDefaults From(LayerSkipOptions options, GenerationDefaults checkpoint) => new(
        options.Mode,
        options.ExitLayer,
        options.NumSpeculations,
        options.DraftController,
        options.DraftThreshold,
        options.DraftSource,
        options.DraftWeights,
        options.MaxOutputTokens ?? checkpoint.MaxNewTokens,
        options.Temperature ?? checkpoint.Sampling.Temperature,
        options.TopK ?? checkpoint.TopK ?? 0,
        options.TopP ?? checkpoint.TopP ?? 1,
        checkpoint.MinP ?? 0);
}
