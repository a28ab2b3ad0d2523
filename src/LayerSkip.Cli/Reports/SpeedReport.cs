namespace LayerSkip.Cli.Reports;

/// <summary>Self-speculative against autoregressive decoding, on whole requests one at a time.</summary>
/// <param name="Rows">Requests in a run.</param>
/// <param name="Runs">Measured runs, after a warm-up.</param>
/// <param name="Best">The cell with the largest median speedup.</param>
/// <param name="Cells">One for each exit layer and speculation length.</param>
internal sealed record SpeedReport(int Rows, int Runs, SpeedCellReport Best, IReadOnlyList<SpeedCellReport> Cells)
{
    /// <summary>By which weights drafts ran the layers below their exit.</summary>
    public string DraftWeights { get; init; } = "exact";

    /// <summary>Rows with other tokens in one mode than in the other, over all cells; 0 unless something is broken.</summary>
    public int Mismatches() => Cells.Sum(cell => Rows - cell.Identical);
}
