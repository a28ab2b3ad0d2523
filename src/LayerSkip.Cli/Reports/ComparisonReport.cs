using LayerSkip.Cli.Measurement;

namespace LayerSkip.Cli.Reports;

/// <summary>One prompt in both modes, the process being warm.</summary>
/// <param name="Runs">Measured answers in each mode.</param>
/// <param name="AutoregressiveMs">Median time of an answer, from token ids to token ids.</param>
/// <param name="SelfSpeculativeMs">Likewise.</param>
/// <param name="Speedup">Autoregressive by self-speculative time of each run.</param>
/// <param name="AcceptanceRate">Accepted / drafted tokens of the last run.</param>
/// <param name="Identical">Both modes gave the same token ids in every run.</param>
internal sealed record ComparisonReport(
    int Runs, double AutoregressiveMs, double SelfSpeculativeMs, Spread Speedup, double AcceptanceRate, bool Identical)
{
    /// <summary>In one line.</summary>
    public string Describe() => FormattableString.Invariant(
        $"warm: autoregressive {AutoregressiveMs:0.00} ms, self-speculative {SelfSpeculativeMs:0.00} ms: {Speedup.Median:0.00}x ({Speedup.Min:0.00}x - {Speedup.Max:0.00}x), ") +
        FormattableString.Invariant($"{AcceptanceRate:P0} of drafted tokens accepted, {(Identical ? "same" : "OTHER")} tokens; medians of {Quantity.Of(Runs, "answer")} in turn");
}
