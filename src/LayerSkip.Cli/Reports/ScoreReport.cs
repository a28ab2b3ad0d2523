using LayerSkip.Cli.Evaluation;

namespace LayerSkip.Cli.Reports;

/// <summary>Scores of a number of answers; shares lie in 0..1.</summary>
/// <param name="Rows">How many.</param>
/// <param name="ExactMatch">Share that is exactly right.</param>
/// <param name="IntentAccuracy">Share with the right root intent; null where no row has a frame.</param>
/// <param name="SlotF1">Of the slots, label and words, over all rows together; null where no row has a frame.</param>
/// <param name="TreeValidity">Share of answers that are valid trees; null where no row has a frame.</param>
/// <param name="SameAsFullDepth">Share with the very tokens that full depth gave.</param>
/// <param name="Unfinished">Answers, counted, that reached the most tokens or the end of the context.</param>
internal sealed record ScoreReport(
    long Rows, double ExactMatch, double? IntentAccuracy, double? SlotF1, double? TreeValidity, double SameAsFullDepth, long Unfinished)
{
    public static ScoreReport Of(AnswerScores scores)
    {
        var hasFrames = scores.Frames.Rows > 0;
        return new(
            scores.Rows,
            scores.ExactMatch,
            hasFrames ? scores.Frames.IntentAccuracy : null,
            hasFrames ? scores.Frames.SlotF1 : null,
            hasFrames ? scores.Frames.TreeValidity : null,
            scores.Agreement,
            scores.Unfinished);
    }

    /// <summary>Shares averaged over the domains, each weighing the same; counts in all. Domains without frames have no say in what frames score.</summary>
    public static ScoreReport Average(ScoreSummary summary)
    {
        var domains = summary.Domains.Values.Select(Of).ToArray();
        return new(
            summary.Overall.Rows,
            summary.ExactMatch,
            domains.Average(domain => domain.IntentAccuracy),
            domains.Average(domain => domain.SlotF1),
            domains.Average(domain => domain.TreeValidity),
            summary.Average(scores => scores.Agreement),
            summary.Overall.Unfinished);
    }
}
