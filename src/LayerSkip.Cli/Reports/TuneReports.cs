using LayerSkip.Cli.Tuning;
using LayerSkip.Engine;
using LayerSkip.Engine.Decoding;

namespace LayerSkip.Cli.Reports;

/// <summary>Makes a report of what tuning found.</summary>
internal static class TuneReports
{
    public static TuneReport Create(LayerSkipModel model, TuneSettings settings, TuneResult result)
    {
        var tuned = result.DefaultsOf(model);
        return new TuneReport
        {
            Model = model.Name,
            WeightFormat = model.WeightFormat.ToString().ToLowerInvariant(),
            Machine = MachineReport.Of(model.Device),
            Prompts = result.Answers.Count,
            Tokens = result.Answers.Sum(answer => answer.Tokens.Count),
            MaxTokens = settings.MaxTokens,
            Costs = TuneCostsReport.Of(result.Costs),
            Exits =
            [
                .. result.Predictions.GroupBy(prediction => prediction.ExitLayer).Select(exit => exit.MaxBy(prediction => prediction.Speedup)!).Select(best => new TuneExitReport(
                    best.ExitLayer, result.CostModel.Agreement(best.ExitLayer, best.Weights), DraftMs(result.Costs, best), best.NumSpeculations, NameOf(best.Weights), best.Speedup, best.AcceptanceRate, best.TokensPerRound)),
            ],
            Oracle = Oracle(result.Answers, model.Config.Layers),
            Confirmed =
            [
                .. result.Confirmed.Select(setting => new TuneSettingReport(
                    setting.Setting.ControllerName,
                    setting.Setting.ExitLayer,
                    setting.Setting.NumSpeculations,
                    NameOf(setting.Setting.Weights!.Value),
                    setting.Predicted?.Speedup,
                    setting.Measured.Speedup,
                    setting.Measured.AutoregressiveMs,
                    setting.Measured.SelfSpeculativeMs,
                    setting.Measured.AcceptanceRate,
                    setting.Measured.TokensPerRound)),
            ],
            ConfirmedPrompts = result.ConfirmedPrompts,
            Runs = settings.Runs,
            Mismatches = result.Mismatches,
            Controller = result.Winner.Setting.ControllerName,
            ExitLayer = tuned.ExitLayer ?? 1,
            NumSpeculations = tuned.NumSpeculations ?? 0,
            DraftWeights = NameOf(result.Declared.Weights!.Value),
            Speedup = result.Winner.Speedup,
            PreviousController = model.Defaults.DraftController?.ToString().ToLowerInvariant(),
            PreviousExitLayer = model.Defaults.ExitLayer,
            PreviousNumSpeculations = model.Defaults.NumSpeculations,
            PreviousDraftWeights = model.Defaults.DraftWeights is { } weights ? NameOf(weights) : null,
            Written = null,
        };
    }

    /// <summary>Of a draft by coarse weights that do not run all layers, the first step: the input's row runs by the layers themselves.</summary>
    private static double DraftMs(MeasuredCosts costs, Prediction prediction) =>
        1000 * (prediction.ExitLayer == costs.Layers ? costs.CoarseStep(prediction.Weights) : costs.DraftSteps[prediction.ExitLayer - 1]);

    private static string NameOf(DraftWeights weights) => weights.ToString().ToLowerInvariant();

    /// <summary>Counts each token's smallest exit.</summary>
    public static OracleReport Oracle(IReadOnlyList<ShadowedAnswer> answers, int layers)
    {
        var counts = new int[layers];
        foreach (var answer in answers)
        {
            for (var i = 0; i < answer.Tokens.Count; i++)
            {
                counts[answer.SmallestExit(i) - 1]++;
            }
        }

        double total = Math.Max(1, counts.Sum());
        var mean = counts.Index().Sum(exit => (exit.Index + 1) * exit.Item) / total;
        return new OracleReport([.. counts.Select(count => count / total)], mean, mean > 0 ? layers / mean : 1);
    }
}
