namespace LayerSkip.Cli.Evaluation;

/// <summary>Scores by domain and over all rows.</summary>
internal sealed class ScoreSummary
{
    private ScoreSummary(IReadOnlyDictionary<string, AnswerScores> domains)
    {
        Domains = domains;
        Overall = domains.Values.Aggregate(AnswerScores.None, (sum, scores) => sum + scores);
    }

    /// <summary>Each domain with at least one row, in ordinal order of the names.</summary>
    public IReadOnlyDictionary<string, AnswerScores> Domains { get; }

    /// <summary>All rows together: each row weighs the same.</summary>
    public AnswerScores Overall { get; }

    /// <summary>Mean of the domains' exact match: each domain weighs the same; 0 without rows.</summary>
    public double ExactMatch => Average(scores => scores.ExactMatch);

    public static ScoreSummary Of(IEnumerable<(string Domain, AnswerScores Scores)> rows)
    {
        var domains = new SortedDictionary<string, AnswerScores>(StringComparer.Ordinal);
        foreach (var (domain, scores) in rows)
        {
            domains[domain] = domains.GetValueOrDefault(domain, AnswerScores.None) + scores;
        }

        return new ScoreSummary(domains);
    }

    /// <summary>The mean over the domains of a share; 0 without rows.</summary>
    public double Average(Func<AnswerScores, double> share) => Domains.Count == 0 ? 0 : Domains.Values.Average(share);
}
