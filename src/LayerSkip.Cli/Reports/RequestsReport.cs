using LayerSkip.Cli.Measurement;

namespace LayerSkip.Cli.Reports;

/// <summary>An engine that serves so many requests at once.</summary>
/// <param name="Requests">Requests.</param>
/// <param name="Autoregressive">All of them decoding so.</param>
/// <param name="SelfSpeculative">Likewise.</param>
internal sealed record RequestsReport(int Requests, ThroughputReport Autoregressive, ThroughputReport SelfSpeculative);

/// <summary>How fast requests at once are answered.</summary>
/// <param name="TokensPerSecond">Tokens of all requests, by the time from the first one's start to the last one's end, prefill included.</param>
/// <param name="Relative">To that of the fewest requests measured: the median of the runs' own ratios.</param>
/// <param name="Identical">Every request of every run gave the token ids that its prompt gives alone, autoregressively.</param>
internal sealed record ThroughputReport(Spread TokensPerSecond, double Relative, bool Identical);
