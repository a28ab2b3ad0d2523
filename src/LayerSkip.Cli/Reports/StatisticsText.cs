using LayerSkip.Cli.Commands;
using LayerSkip.Engine.Decoding;

namespace LayerSkip.Cli.Reports;

/// <summary>A generation's statistics in one line.</summary>
internal static class StatisticsText
{
    public static string Of(Generation generation)
    {
        var statistics = generation.Statistics;
        var how = generation.Mode switch
        {
            DecodingMode.SelfSpeculative =>
                FormattableString.Invariant($" in {Quantity.Of(statistics.Rounds, "round")} of {statistics.TokensPerRound:0.00} (exit layer {generation.ExitLayer}, ") +
                FormattableString.Invariant($"{statistics.Accepted} of {statistics.Drafted} drafted tokens accepted: {statistics.AcceptanceRate:P0})"),
            DecodingMode.EarlyExit => $" (lossy, exit layer {generation.ExitLayer})",
            _ => "",
        };
        return FormattableString.Invariant($"{ModeName.Of(generation.Mode)}: {Quantity.Of(statistics.Tokens, "token")}{how}; ") +
            FormattableString.Invariant($"prompt of {Quantity.Of(statistics.PromptTokens, "token")} {statistics.PrefillTime.TotalMilliseconds:0.0} ms, ") +
            FormattableString.Invariant($"decode {statistics.DecodeTime.TotalMilliseconds:0.0} ms, {statistics.TokensPerSecond:0.0} tokens/s");
    }
}
