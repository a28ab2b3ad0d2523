namespace LayerSkip.Cli.Reports;

/// <summary>What <c>layerskip eval --json</c> prints.</summary>
internal sealed record EvalReport
{
    /// <summary>Version of the tool.</summary>
    public required string Version { get; init; }

    /// <summary>The checkpoint folder's name.</summary>
    public required string Model { get; init; }

    /// <summary>How the matrices are kept: f32 or bf16.</summary>
    public required string WeightFormat { get; init; }

    public required MachineReport Machine { get; init; }

    /// <summary>At full depth, averaged over the domains, each weighing the same.</summary>
    public required double ExactMatch { get; init; }

    /// <summary>End to end, autoregressive time / self-speculative time, in the best cell of <see cref="Speed"/>; null where speed was not measured.</summary>
    public required double? Speedup { get; init; }

    /// <summary>Rows evaluated.</summary>
    public required int Rows { get; init; }

    public required IReadOnlyList<EvalFileReport> Files { get; init; }

    /// <summary>Most rows of a file, spread evenly over it; null: all.</summary>
    public required int? Limit { get; init; }

    /// <summary>Chooses where the even spreads begin.</summary>
    public required int Seed { get; init; }

    /// <summary>How the model writes frames: decoupled or index. Scores are those of the decoupled form.</summary>
    public required string Form { get; init; }

    /// <summary>Whether answers to rows with a frame were held to the frames that the utterance can have.</summary>
    public required bool Grounded { get; init; }

    /// <summary>Most tokens of an answer.</summary>
    public required int MaxTokens { get; init; }

    /// <summary>Requests at once while evaluating; no matter for the answers.</summary>
    public required int Concurrency { get; init; }

    /// <summary>Full depth first, then the exit layers asked for.</summary>
    public required IReadOnlyList<DepthReport> Depths { get; init; }

    /// <summary>Null where no training files were given.</summary>
    public required OverlapReport? Overlap { get; init; }

    /// <summary>Null where speed was not measured.</summary>
    public required SpeedReport? Speed { get; init; }
}
