using LayerSkip.Cli.Reports;
using LayerSkip.Engine;
using LayerSkip.Engine.Constraints;

namespace LayerSkip.Cli.Measurement;

/// <summary>One way to draft against autoregressive decoding: the same prompts, each in both modes one right after the other.</summary>
/// <param name="model">The model.</param>
/// <param name="prompts">Token ids of the prompts; at least one.</param>
/// <param name="draft">How to draft.</param>
/// <param name="maxTokens">Most tokens of an answer.</param>
/// <param name="constrain">Makes what a prompt's answer may be, by the prompt's index; null: anything.</param>
internal sealed class PairedCell(
    LayerSkipModel model, IReadOnlyList<int[]> prompts, DraftSetting draft, int maxTokens, Func<int, TokenConstraint?>? constrain = null)
{
    private const double WarmUpSeconds = 1;

    private readonly ModePair _pair = new(model, draft.Options(), maxTokens, defaults: draft.Defaults(model.Defaults));
    private readonly List<ModeRun> _autoregressive = [];
    private readonly List<ModeRun> _speculative = [];

    /// <summary>A pass over the prompts, or as much of it as fits into the time.</summary>
    public void WarmUp(CancellationToken cancellationToken)
    {
        double seconds = 0;
        foreach (var (index, prompt) in prompts.Index().TakeWhile(_ => seconds < WarmUpSeconds))
        {
            var (autoregressive, speculative) = _pair.Run([prompt], 0, new AllocationMeter(), cancellationToken, _ => constrain?.Invoke(index));
            seconds += autoregressive.Seconds + speculative.Seconds;
        }
    }

    /// <summary>A measured run over all prompts.</summary>
    public void Run(CancellationToken cancellationToken)
    {
        var (autoregressive, speculative) = _pair.Run(prompts, _autoregressive.Count, new AllocationMeter(), cancellationToken, constrain);
        _autoregressive.Add(autoregressive);
        _speculative.Add(speculative);
    }

    /// <summary>What the runs gave; there was at least one.</summary>
    /// <param name="answers">What each prompt's answer has to be; null: what the first autoregressive run gave.</param>
    public SpeedCellReport Report(IReadOnlyList<IReadOnlyList<int>>? answers = null)
    {
        answers ??= _autoregressive[0].Outputs;
        var drafts = ModeRun.Total(_speculative);
        return new SpeedCellReport
        {
            Controller = draft.ControllerName,
            ExitLayer = draft.ExitLayer,
            NumSpeculations = draft.NumSpeculations,
            Speedup = Spread.Of(_autoregressive.Zip(_speculative, (autoregressive, speculative) => autoregressive.Seconds / speculative.Seconds)),
            AutoregressiveMs = Milliseconds(_autoregressive),
            SelfSpeculativeMs = Milliseconds(_speculative),
            AutoregressiveMeanMs = MeanMilliseconds(_autoregressive),
            SelfSpeculativeMeanMs = MeanMilliseconds(_speculative),
            TokensPerRound = drafts.TokensPerRound,
            MeanExitLayer = drafts.MeanExitLayer,
            AcceptanceRate = drafts.AcceptanceRate,
            Identical = Enumerable.Range(0, prompts.Count).Count(
                row => _autoregressive.Concat(_speculative).All(run => run.Outputs[row].SequenceEqual(answers[row]))),
        };
    }

    /// <summary>The median over all requests of all runs.</summary>
    private static double Milliseconds(List<ModeRun> runs) => 1000 * Spread.Of(runs.SelectMany(run => run.RequestSeconds)).Median;

    /// <summary>The median over the runs of the mean over a run's requests.</summary>
    private static double MeanMilliseconds(List<ModeRun> runs) => 1000 * Spread.Of(runs.Select(run => run.RequestSeconds.Average())).Median;
}
