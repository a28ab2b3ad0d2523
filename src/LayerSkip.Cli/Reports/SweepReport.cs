namespace LayerSkip.Cli.Reports;

/// <summary>What <c>layerskip sweep --json</c> prints.</summary>
internal sealed record SweepReport
{
    /// <summary>The checkpoint folder's name.</summary>
    public required string Model { get; init; }

    /// <summary>Fingerprint of its configuration and weights, as in the CSV file.</summary>
    public required string Checkpoint { get; init; }

    /// <summary>How the matrices are kept in memory.</summary>
    public required string WeightFormat { get; init; }

    public required MachineReport Machine { get; init; }

    /// <summary>Prompts in a run.</summary>
    public required int Prompts { get; init; }

    /// <summary>Fingerprint of their token ids, as in the CSV file.</summary>
    public required string PromptIds { get; init; }

    /// <summary>Most tokens of an answer.</summary>
    public required int MaxTokens { get; init; }

    /// <summary>Measured runs of each cell, after a warm-up.</summary>
    public required int Runs { get; init; }

    /// <summary>What was asked of weights that can be compressed; <c>none</c> where they cannot.</summary>
    public required string Compression { get; init; }

    /// <summary>By which weights drafts ran the layers below their exit.</summary>
    public required string DraftWeights { get; init; }

    /// <summary>Where drafts come from by the controller that chooses by itself.</summary>
    public required string AutoSource { get; init; }

    /// <summary>The CSV file.</summary>
    public required string Output { get; init; }

    /// <summary>Cells that the file had before.</summary>
    public required int Resumed { get; init; }

    /// <summary>Prompts with other tokens in one mode than in the other, over all cells; 0 unless something is broken.</summary>
    public required int Mismatches { get; init; }

    /// <summary>The cell of the grid with the largest median speedup.</summary>
    public required SpeedCellReport Best { get; init; }

    /// <summary>The controller that chooses by itself, on the same prompts; null while it is not measured.</summary>
    public required SpeedCellReport? Auto { get; init; }

    /// <summary>All cells of the grid in the file, by exit layer and speculation length.</summary>
    public required IReadOnlyList<SpeedCellReport> Cells { get; init; }

    /// <summary>How the controller does beside the best cell, in words.</summary>
    public string? DescribeAuto() => Auto is null ? null : FormattableString.Invariant(
        $"{Auto.Speedup.Median:0.00}x ({Auto.Speedup.Min:0.00}x - {Auto.Speedup.Max:0.00}x), {100 * Auto.Speedup.Median / Best.Speedup.Median:0} % of the best cell; {StatisticsText.AcceptedInWords(Auto.AcceptanceRate)}, {Auto.TokensPerRound:0.00} tokens a round, mean exit layer {Auto.MeanExitLayer:0.00}");
}
