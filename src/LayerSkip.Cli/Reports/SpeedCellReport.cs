using LayerSkip.Cli.Measurement;

namespace LayerSkip.Cli.Reports;

/// <summary>One way to draft. Times are from token ids to token ids: setting the request up, prefill and decoding. What is counted of rounds is of all runs together.</summary>
internal sealed record SpeedCellReport
{
    /// <summary>What decides about drafts.</summary>
    public required string Controller { get; init; }

    /// <summary>Exit layer E; null where the controller chooses.</summary>
    public required int? ExitLayer { get; init; }

    /// <summary>Speculation length d; null where the controller chooses.</summary>
    public required int? NumSpeculations { get; init; }

    /// <summary>Autoregressive time / self-speculative time of a run's requests, over the runs.</summary>
    public required Spread Speedup { get; init; }

    /// <summary>Milliseconds a request, autoregressive: the median over all requests.</summary>
    public required double AutoregressiveMs { get; init; }

    /// <summary>Milliseconds a request, self-speculative: the median over all requests.</summary>
    public required double SelfSpeculativeMs { get; init; }

    /// <summary>The same, as the mean over a run's requests; median of the runs.</summary>
    public required double AutoregressiveMeanMs { get; init; }

    /// <summary>The same, as the mean over a run's requests; median of the runs.</summary>
    public required double SelfSpeculativeMeanMs { get; init; }

    /// <summary>Mean exit layer of the rounds that drafted; 0 where none did.</summary>
    public required double MeanExitLayer { get; init; }

    /// <summary>Output tokens / rounds.</summary>
    public required double TokensPerRound { get; init; }

    /// <summary>Accepted / drafted tokens over all rounds; null where nothing was drafted.</summary>
    public required double? AcceptanceRate { get; init; }

    /// <summary>Rows whose tokens were the same in both modes, in every run, and when decoded with others at once.</summary>
    public required int Identical { get; init; }
}
