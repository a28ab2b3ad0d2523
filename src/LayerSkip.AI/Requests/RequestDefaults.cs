using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;

namespace LayerSkip.AI.Requests;

/// <summary>What holds where a request is silent: the client's options, completed from the checkpoint. Null is left to the engine.</summary>
internal sealed record RequestDefaults(
    DecodingMode? Mode, int? ExitLayer, int? NumSpeculations, int? MaxOutputTokens, float Temperature, int TopK, float TopP)
{
    public static RequestDefaults From(LayerSkipOptions options, GenerationDefaults checkpoint) => new(
        options.Mode,
        options.ExitLayer,
        options.NumSpeculations,
        options.MaxOutputTokens ?? checkpoint.MaxNewTokens,
        options.Temperature ?? CheckpointTemperature(checkpoint),
        options.TopK ?? checkpoint.TopK ?? 0,
        options.TopP ?? checkpoint.TopP ?? 1);

    /// <summary>Published checkpoints often give a temperature and leave <c>do_sample</c> out.</summary>
    private static float CheckpointTemperature(GenerationDefaults checkpoint) => checkpoint.Sample switch
    {
        false => 0,
        true => checkpoint.Temperature ?? 1,
        null => checkpoint.Temperature ?? 0,
    };
}
