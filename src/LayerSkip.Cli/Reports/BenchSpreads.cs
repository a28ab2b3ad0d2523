using LayerSkip.Cli.Measurement;

namespace LayerSkip.Cli.Reports;

/// <summary>Medians, smallest and largest values over the runs; of decoding alone, over those runs in which some answer took more than one round, null where none did. The share of the bandwidth is null, too, where none was measured.</summary>
internal sealed record BenchSpreads(
    Spread? DecodeTokensPerSecond,
    Spread? SelfSpeculativeDecodeTokensPerSecond,
    Spread PrefillTokensPerSecond,
    Spread Speedup,
    Spread? SpeedupDecode,
    Spread? BandwidthShare);
