using LayerSkip.Engine.Decoding;

namespace LayerSkip.Cli.Commands;

/// <summary>Decoding modes as the command line and the reports spell them.</summary>
internal static class ModeName
{
    public static string Of(DecodingMode mode) => mode switch
    {
        DecodingMode.Autoregressive => "autoregressive",
        DecodingMode.SelfSpeculative => "self-speculative",
        DecodingMode.EarlyExit => "early-exit",
        _ => throw new ArgumentOutOfRangeException(nameof(mode), mode, "No decoding mode."),
    };
}
