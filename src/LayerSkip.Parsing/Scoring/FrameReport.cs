namespace LayerSkip.Parsing.Scoring;

/// <summary>Scores by domain and over all rows. Immutable.</summary>
public sealed class FrameReport
{
    internal FrameReport(IReadOnlyDictionary<string, FrameScores> domains)
    {
        Domains = domains;
        Overall = domains.Values.Aggregate(FrameScores.None, (sum, scores) => sum + scores);
    }

    /// <summary>The scores of each domain with at least one row, in ordinal order of the names.</summary>
    public IReadOnlyDictionary<string, FrameScores> Domains { get; }

    /// <summary>The scores of all rows together: each row weighs the same (micro average).</summary>
    public FrameScores Overall { get; }

    /// <summary>Mean of the domains' exact match: each domain weighs the same (macro average); in [0, 1], 0 without rows.</summary>
    public double MacroExactMatch => Domains.Count == 0 ? 0 : Domains.Values.Average(scores => scores.ExactMatch);
}
