using LayerSkip.Cli.Commands;
using LayerSkip.Cli.Evaluation;
using LayerSkip.Engine.Decoding;

namespace LayerSkip.Cli.Reports;

/// <summary>How well the model answers when its first layers decide every token.</summary>
/// <param name="Layers">Layers that ran: the model's depth, or an exit layer.</param>
/// <param name="Mode">autoregressive (full depth) or early-exit (lossy).</param>
/// <param name="Lossy">Whether layers were left out.</param>
/// <param name="OverDomains">Averaged over the domains, each weighing the same.</param>
/// <param name="OverRows">Over all rows, each weighing the same.</param>
/// <param name="Domains">By domain.</param>
/// <param name="Tokens">Tokens generated.</param>
/// <param name="Seconds">What that took, many requests at once; no measure of a single request's speed.</param>
internal sealed record DepthReport(
    int Layers,
    string Mode,
    bool Lossy,
    ScoreReport OverDomains,
    ScoreReport OverRows,
    IReadOnlyDictionary<string, ScoreReport> Domains,
    long Tokens,
    double Seconds)
{
    public static DepthReport Of(DepthEvaluation evaluation) => new(
        evaluation.Layers,
        ModeName.Of(evaluation.IsFullDepth ? DecodingMode.Autoregressive : DecodingMode.EarlyExit),
        !evaluation.IsFullDepth,
        ScoreReport.Average(evaluation.Summary),
        ScoreReport.Of(evaluation.Summary.Overall),
        evaluation.Summary.Domains.ToDictionary(domain => domain.Key, domain => ScoreReport.Of(domain.Value)),
        evaluation.Answers.Sum(answer => (long)answer.Tokens.Count),
        Math.Round(evaluation.Seconds, 3));
}
