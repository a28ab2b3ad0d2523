using LayerSkip.Engine.Decoding;

namespace LayerSkip.AI.Requests;

/// <summary>The decoding modes' names in requests and responses.</summary>
internal static class DecodingModeNames
{
    public const string Expected = "autoregressive, self-speculative or early-exit";

    public static string Of(DecodingMode mode) => mode switch
    {
        DecodingMode.Autoregressive => "autoregressive",
        DecodingMode.SelfSpeculative => "self-speculative",
        DecodingMode.EarlyExit => "early-exit",
        _ => throw new ArgumentOutOfRangeException(nameof(mode), mode, $"Mode is no decoding mode, expected {Expected}."),
    };

    /// <summary>Reads a name in any case, with hyphens, underscores or neither; null where it is none.</summary>
    public static DecodingMode? Parse(string name) =>
        name.Replace("-", null, StringComparison.Ordinal).Replace("_", null, StringComparison.Ordinal).Trim().ToUpperInvariant() switch
        {
            "AUTOREGRESSIVE" => DecodingMode.Autoregressive,
            "SELFSPECULATIVE" => DecodingMode.SelfSpeculative,
            "EARLYEXIT" => DecodingMode.EarlyExit,
            _ => null,
        };
}
