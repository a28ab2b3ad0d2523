using System.Diagnostics;
using LayerSkip.Cli.Evaluation;
using LayerSkip.Cli.Measurement;
using LayerSkip.Cli.Reports;
using LayerSkip.Engine;
using LayerSkip.Engine.Decoding;

namespace LayerSkip.Cli.Tuning;

/// <summary>Finds the exit layer and the speculation length that decode sample prompts fastest: predicts all, then measures the best few.</summary>
internal sealed class Tuner(LayerSkipModel model, TuneSettings settings)
{
    /// <summary>How much faster than the controller that chooses by itself a fixed setting has to be, to be preferred: on other prompts that one adapts.</summary>
    public const double Preference = 1.03;

    /// <summary>Prompts to use however long they take.</summary>
    private const int LeastPrompts = 4;

    /// <summary>A prompt's rows are measured up to here; what is more runs in pieces.</summary>
    private static readonly int[] s_rows = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 18, 20, 24, 28, 32, 40, 48, 56, 64, 96, 128, 192, 256];

    /// <summary>Tunes.</summary>
    /// <param name="progress">Told the share done, 0..1.</param>
    /// <param name="cancellationToken">Looked at between layers.</param>
    public TuneResult Run(IProgress<double> progress, CancellationToken cancellationToken)
    {
        var answers = Record(new Share(progress, 0, 0.3), cancellationToken);
        var costs = MeasureCosts(answers, cancellationToken);
        progress.Report(0.5);
        var costModel = new CostModel(costs, answers, model.Defaults.EndOfSequenceIds, settings.MaxTokens);
        var longest = Math.Clamp(answers.Max(answer => answer.Tokens.Count) - 1, 1, DecodingPlan.MaxSpeculations);
        Prediction[] predictions =
        [
            .. from weights in (IEnumerable<DraftWeights>)[DraftWeights.Exact, .. costs.CoarseLayer.Keys]
               from exit in Enumerable.Range(1, answers[0].CoarseShadows.ContainsKey(weights) ? model.Config.Layers : model.Config.Layers - 1)
               from length in Enumerable.Range(1, longest)
               select costModel.Predict(exit, length, weights),
        ];
        var candidates = Choose(predictions, settings.Candidates, Declared(costModel, costs, answers[0]));
        DraftSetting[] fixedSettings = [.. candidates.Select(candidate => DraftSetting.Fixed(candidate.ExitLayer, candidate.NumSpeculations) with { Weights = candidate.Weights })];

        // As the checkpoint would declare it: by which exit it begins, and that this one is known to be good, is part of how fast it is.
        DraftSetting[] confirmed = [.. fixedSettings, DraftSetting.Auto with { Declared = fixedSettings[0], Weights = fixedSettings[0].Weights }];
        var sample = Sample(answers.Count, costModel.Autoregressive / answers.Count, confirmed.Length);

        // What is measured is foretold for the same prompts.
        var sampled = new CostModel(costs, [.. sample.Select(index => answers[index])], model.Defaults.EndOfSequenceIds, settings.MaxTokens);
        (DraftSetting Setting, Prediction? Predicted)[] settled =
        [
            .. confirmed.Zip([.. candidates.Select(candidate => sampled.Predict(candidate.ExitLayer, candidate.NumSpeculations, candidate.Weights)), (Prediction?)null]),
        ];
        var speed = Confirm(answers, sample, confirmed, new Share(progress, 0.5, 1), cancellationToken);
        return new TuneResult(
            answers, costs, costModel, predictions, [.. settled.Zip(speed.Cells, (setting, cell) => new TunedSetting(setting.Setting, setting.Predicted, cell))], speed.Rows);
    }

    /// <summary>The settings to measure: those predicted to be fastest, but no two neighbours, which would be alike; one by exact weights, if there is any; and one that is declared already.</summary>
    /// <param name="predictions">At least one.</param>
    /// <param name="count">How many, at least one.</param>
    /// <param name="declared">The checkpoint's present setting, which comes last; null: it has none.</param>
    public static IReadOnlyList<Prediction> Choose(IReadOnlyList<Prediction> predictions, int count, Prediction? declared)
    {
        var chosen = new List<Prediction>();
        foreach (var prediction in predictions.OrderByDescending(prediction => prediction.Speedup).ThenBy(prediction => prediction.NumSpeculations))
        {
            if (chosen.Count < count && !chosen.Exists(other => AreAlike(other, prediction)))
            {
                chosen.Add(prediction);
            }
        }

        // Coarse weights are foretold as if they guessed what the model's own do: those are measured beside them.
        if (!chosen.Exists(static one => one.Weights == DraftWeights.Exact)
            && predictions.Where(static one => one.Weights == DraftWeights.Exact).MaxBy(static one => one.Speedup) is { } exact)
        {
            chosen.Add(exact);
        }

        if (declared is not null && !chosen.Exists(other => (other.ExitLayer, other.NumSpeculations, other.Weights) == (declared.ExitLayer, declared.NumSpeculations, declared.Weights)))
        {
            chosen.Add(declared);
        }

        return chosen;
    }

    private static bool AreAlike(Prediction a, Prediction b) =>
        (a.ExitLayer, a.Weights) == (b.ExitLayer, b.Weights) && 4 * Math.Abs(a.NumSpeculations - b.NumSpeculations) < Math.Max(a.NumSpeculations, b.NumSpeculations);

    private Prediction? Declared(CostModel costModel, MeasuredCosts costs, ShadowedAnswer answer)
    {
        if (model.Defaults is not { ExitLayer: { } exit, NumSpeculations: { } length and > 0 })
        {
            return null;
        }

        var weights = model.Defaults.DraftWeights is { } declared && costs.CoarseLayer.ContainsKey(declared) ? declared : DraftWeights.Exact;
        return exit < model.Config.Layers || answer.CoarseShadows.ContainsKey(weights) ? costModel.Predict(exit, Math.Min(length, DecodingPlan.MaxSpeculations), weights) : null;
    }

    private List<ShadowedAnswer> Record(Share share, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        var answers = new List<ShadowedAnswer>();
        foreach (var (index, prompt) in settings.Prompts.Index())
        {
            var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            if (index >= LeastPrompts && seconds > settings.Seconds)
            {
                break;
            }

            answers.Add(ShadowedAnswer.Record(model, prompt, settings.MaxTokens, cancellationToken));
            share.Report((index + 1.0) / settings.Prompts.Count);
        }

        return answers;
    }

    /// <summary>In the middle of a typical answer.</summary>
    private MeasuredCosts MeasureCosts(List<ShadowedAnswer> answers, CancellationToken cancellationToken)
    {
        var inputs = answers.Max(answer => Math.Min(answer.PromptTokens, Generation.PrefillRows));
        var most = Math.Min(model.Config.MaxPositions, Math.Min(inputs + DecodingPlan.MaxSpeculations, Generation.PrefillRows));
        var typical = answers.OrderBy(answer => answer.PromptTokens).ElementAt(answers.Count / 2);
        using var timer = new StepTimer(
            model, settings.Prompts[answers.IndexOf(typical)], typical.PromptTokens + (typical.Tokens.Count / 2), most);
        return timer.Measure([.. s_rows.Where(rows => rows < most), most], settings.Seconds, cancellationToken);
    }

    /// <summary>As many of the prompts as fit into the time, spread evenly over all: those of one file may be shorter than those of the next.</summary>
    private int[] Sample(int answers, double secondsAnAnswer, int confirmed)
    {
        var fitting = (int)(settings.Seconds / (2 * secondsAnAnswer * confirmed * settings.Runs));
        return RowSample.Spread(answers, Math.Clamp(fitting, Math.Min(LeastPrompts, answers), answers), seed: 1);
    }

    private SpeedReport Confirm(
        List<ShadowedAnswer> answers, int[] sample, IReadOnlyList<DraftSetting> confirmed, Share share, CancellationToken cancellationToken) =>
        new SpeedGrid(
            model,
            new SpeedSettings(
                [.. sample.Select(index => settings.Prompts[index])],
                [.. sample.Select(index => answers[index].Tokens)],
                confirmed,
                settings.MaxTokens,
                settings.Runs)).Run(share, cancellationToken);

    private sealed class Share(IProgress<double> progress, double from, double to) : IProgress<double>
    {
        public void Report(double value) => progress.Report(from + ((to - from) * value));
    }
}
