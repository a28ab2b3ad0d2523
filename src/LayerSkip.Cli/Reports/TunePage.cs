using LayerSkip.Cli.Reports.Plots;
using LayerSkip.Cli.Tuning;

namespace LayerSkip.Cli.Reports;

/// <summary>A tuning as an HTML page.</summary>
internal static class TunePage
{
    private const int MostColumns = 24;

    public static string Create(TuneReport report, IReadOnlyList<Prediction> predictions)
    {
        var shown = predictions.Where(prediction => prediction.NumSpeculations <= MostColumns)
            .GroupBy(prediction => (prediction.ExitLayer, prediction.NumSpeculations)).Select(cell => cell.MaxBy(prediction => prediction.Speedup)!).ToArray();
        var best = shown.MaxBy(prediction => prediction.Speedup)!;
        var layers = report.Oracle.Share.Count;
        return Page.Create(
            $"Tuning of {report.Model}",
            Page.Facts(
            [
                ("outcome", TuneTables.Outcome(report)),
                ("sample", Text($"{Quantity.Of(report.Prompts, "prompt")}, {Quantity.Of(report.Tokens, "token")} answered, at most {report.MaxTokens} each")),
                ("step at full depth", Text($"{report.Costs.PlainStepMs:0.000} ms")),
                ("oracle", Text($"{report.Oracle.MeanLayers:0.00} of {layers} layers a token: {report.Oracle.Bound:0.00}x at most, heads and verification aside")),
                ("model", $"{report.Model}, {report.WeightFormat}"),
                ("machine", report.Machine.Describe()),
            ]),
            Svg.Figure("Predicted and measured", Page.Numbers(
                ["controller", "exit layer", "drafted a round", "weights", "predicted", "measured", "min", "max", "accepted", "tokens a round"],
                report.Confirmed.Select(IReadOnlyList<string> (setting) =>
                [
                    setting.Controller, Text($"{setting.ExitLayer}"), Text($"{setting.NumSpeculations}"), setting.DraftWeights, setting.Predicted is { } predicted ? Text($"{predicted:0.00}x") : "", Text($"{setting.Measured.Median:0.00}x"),
                    Text($"{setting.Measured.Min:0.00}x"), Text($"{setting.Measured.Max:0.00}x"), StatisticsText.Accepted(setting.AcceptanceRate), Text($"{setting.TokensPerRound:0.00}"),
                ]))),
            new GridMap
            {
                Id = "predicted",
                Title = "Predicted speed-up over autoregressive decoding, by the weights that promise most",
                RowLabel = "exit layer",
                ColumnLabel = "tokens drafted a round",
                Rows = [.. shown.Select(prediction => prediction.ExitLayer).Distinct()],
                Columns = [.. shown.Select(prediction => prediction.NumSpeculations).Distinct()],
                Values = shown.ToDictionary(prediction => (prediction.ExitLayer, prediction.NumSpeculations), prediction => prediction.Speedup),
                Show = value => Text($"{value:0.00}"),
                Neutral = 1,
                Framed = (best.ExitLayer, best.NumSpeculations),
            }.Draw(),
            new BarChart(
                "agreement",
                "What each exit has right",
                "share of tokens that the exit's own choice gets right, given those before, %",
                [.. report.Exits.Select(exit => (Text($"exit {exit.ExitLayer}"), exit.Agreement, Series.ColourOf(exit.ExitLayer - 1, layers)))]).Draw(),
            new BarChart(
                "oracle",
                "The smallest exit that is right",
                "share of tokens, %",
                [.. report.Oracle.Share.Select((share, index) => (index + 1 == layers ? "full depth" : Text($"exit {index + 1}"), share, Series.ColourOf(index, layers)))]).Draw(),
            new LineChart
            {
                Id = "passes",
                Title = "A pass at full depth against its rows",
                XLabel = "rows of a pass",
                YLabel = "ms",
                Series = [new Series("a pass", 5, [.. report.Costs.PassMs.Select(pass => ((double)pass.Rows, pass.Ms))], Strong: true)],
                Marked = true,
            }.Draw());
    }

    private static string Text(FormattableString text) => FormattableString.Invariant(text);
}
