using LayerSkip.Cli.Measurement;

namespace LayerSkip.Cli.Reports;

/// <summary>Medians, smallest and largest values over the runs.</summary>
internal sealed record BenchSpreads(
    Spread DecodeTokensPerSecond,
    Spread SelfSpeculativeDecodeTokensPerSecond,
    Spread PrefillTokensPerSecond,
    Spread Speedup,
    Spread? SpeedupDecode);
