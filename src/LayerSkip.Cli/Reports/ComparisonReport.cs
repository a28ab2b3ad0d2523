using LayerSkip.Cli.Measurement;

namespace LayerSkip.Cli.Reports;

/// <summary>One prompt in both modes, the process being warm.</summary>
/// <param name="Runs">Measured answers in each mode.</param>
/// <param name="AutoregressiveMs">Median time of an answer, from token ids to token ids.</param>
/// <param name="SelfSpeculativeMs">Likewise.</param>
/// <param name="Speedup">Autoregressive by self-speculative time of each run: the median of these ratios need not be the ratio of the medians.</param>
/// <param name="AcceptanceRate">Accepted / drafted tokens of the last run; null where it drafted nothing.</param>
/// <param name="Identical">Both modes gave the same token ids in every run.</param>
internal sealed record ComparisonReport(
    int Runs, double AutoregressiveMs, double SelfSpeculativeMs, Spread Speedup, double? AcceptanceRate, bool Identical)
{
    /// <summary>In one line.</summary>
    public string Describe() => FormattableString.Invariant(
        $"warm: autoregressive {AutoregressiveMs:0.00} ms, self-speculative {SelfSpeculativeMs:0.00} ms; pair by pair {Speedup.Median:0.00}x ({Speedup.Min:0.00}x - {Speedup.Max:0.00}x), ") +
        $"{Drafts()}, {(Identical ? "same" : "OTHER")} tokens; medians of {Quantity.Of(Runs, "pair")} of answers in turn";

    private string Drafts() => AcceptanceRate is { } rate ? FormattableString.Invariant($"{rate:P0} of drafted tokens accepted") : "nothing drafted";
}
