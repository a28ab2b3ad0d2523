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
        var time = statistics.Rounds > 1
            ? FormattableString.Invariant($"prompt of {Quantity.Of(statistics.PromptTokens, "token")} {statistics.PrefillTime.TotalMilliseconds:0.0} ms, decode {statistics.DecodeTime.TotalMilliseconds:0.0} ms")
            : FormattableString.Invariant($"prompt of {Quantity.Of(statistics.PromptTokens, "token")} and the answer with it {statistics.PrefillTime.TotalMilliseconds:0.0} ms");
        return FormattableString.Invariant($"{ModeName.Of(generation.Mode)}: {Quantity.Of(statistics.Tokens, "token")}{how}; ") +
            FormattableString.Invariant($"{time}, {statistics.TokensPerSecond:0.0} tokens/s");
    }
}
