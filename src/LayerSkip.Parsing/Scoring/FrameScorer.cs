using LayerSkip.Parsing.Frames;

namespace LayerSkip.Parsing.Scoring;

/// <summary>Accumulates scores by domain. Not for several threads at once: give each its own, then <see cref="Merge"/>.</summary>
public sealed class FrameScorer
{
    private readonly SortedDictionary<string, FrameScores> _domains = new(StringComparer.Ordinal);

    /// <summary>Scores one row and returns its scores.</summary>
    /// <param name="domain">The row's domain; any text.</param>
    /// <param name="predicted">The predicted tree, in the reference's form; null where there is none.</param>
    /// <param name="reference">The right tree.</param>
    /// <exception cref="ArgumentException">The reference is not valid.</exception>
    public FrameScores Add(string domain, FrameTree? predicted, FrameTree reference)
    {
        ArgumentNullException.ThrowIfNull(domain);
        var scores = FrameScores.Of(predicted, reference);
        Add(domain, scores);
        return scores;
    }

    /// <summary>Scores one row of a model's raw output, which need not parse, and returns its scores.</summary>
    /// <param name="domain">The row's domain; any text.</param>
    /// <param name="predicted">The output, in the reference's form; white space is free.</param>
    /// <param name="reference">The right tree.</param>
    /// <exception cref="ArgumentException">The reference is not valid.</exception>
    public FrameScores Add(string domain, string predicted, FrameTree reference)
    {
        ArgumentNullException.ThrowIfNull(predicted);
        return Add(domain, FrameTree.TryParse(predicted, out var tree) ? tree : null, reference);
    }

    /// <summary>Adds all rows of another scorer, which stays as it is.</summary>
    public void Merge(FrameScorer other)
    {
        ArgumentNullException.ThrowIfNull(other);
        foreach (var (domain, scores) in other._domains.ToArray())
        {
            Add(domain, scores);
        }
    }

    /// <summary>The scores so far.</summary>
    public FrameReport ToReport() => new(new SortedDictionary<string, FrameScores>(_domains, StringComparer.Ordinal));

    private void Add(string domain, FrameScores scores) =>
        _domains[domain] = _domains.GetValueOrDefault(domain, FrameScores.None) + scores;
}
