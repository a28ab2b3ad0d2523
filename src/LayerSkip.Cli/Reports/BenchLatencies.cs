namespace LayerSkip.Cli.Reports;

/// <summary>How long each mode makes a caller wait.</summary>
internal sealed record BenchLatencies(LatencyReport Autoregressive, LatencyReport SelfSpeculative);
