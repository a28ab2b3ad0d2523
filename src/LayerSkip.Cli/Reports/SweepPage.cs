using LayerSkip.Cli.Reports.Plots;

namespace LayerSkip.Cli.Reports;

/// <summary>A sweep as an HTML page: heat maps over exit layers and speculation lengths, and the numbers.</summary>
internal static class SweepPage
{
    public static string Create(SweepReport report)
    {
        GridMap Map(string id, string title, Func<SpeedCellReport, double?> value, Func<double, string> show, double neutral = 0) => new()
        {
            Id = id,
            Title = title,
            RowLabel = "exit layer",
            ColumnLabel = "tokens drafted a round",
            Rows = [.. report.Cells.Select(cell => cell.ExitLayer ?? 0).Distinct().Order()],
            Columns = [.. report.Cells.Select(cell => cell.NumSpeculations ?? 0).Distinct().Order()],
            Values = report.Cells.Where(cell => value(cell) is not null).ToDictionary(cell => (cell.ExitLayer ?? 0, cell.NumSpeculations ?? 0), cell => value(cell)!.Value),
            Show = show,
            Neutral = neutral,
            Framed = (report.Best.ExitLayer ?? 0, report.Best.NumSpeculations ?? 0),
        };
        var best = report.Best;
        return Page.Create(
            $"Sweep of {report.Model}",
            Page.Facts(
            [
                ("best", FormattableString.Invariant($"exit layer {best.ExitLayer}, {best.NumSpeculations} tokens drafted a round: {best.Speedup.Median:0.00}x ({best.Speedup.Min:0.00}x - {best.Speedup.Max:0.00}x)")),
                ("controller auto", report.DescribeAuto() ?? "not measured yet"),
                ("measured on", FormattableString.Invariant($"{Quantity.Of(report.Prompts, "prompt")}, at most {report.MaxTokens} tokens each, {Quantity.Of(report.Runs, "run")} of each cell")),
                ("outputs identical", report.Mismatches == 0 ? "yes, in all cells" : FormattableString.Invariant($"no: {report.Mismatches} differ")),
                ("model", $"{report.Model}, {report.WeightFormat}, checkpoint {report.Checkpoint}"),
                ("machine", report.Machine.Describe()),
            ]),
            Svg.Text(
                "p",
                "Whole requests, from token ids to token ids. Every cell decodes the same prompts in both modes, one right after the other; its speed-up is autoregressive by self-speculative time, the median over its runs. The cell with the largest speed-up is framed.",
                ("class", "note")),
            Map("speedup", "Speed-up over autoregressive decoding", cell => cell.Speedup.Median, value => FormattableString.Invariant($"{value:0.00}x"), neutral: 1).Draw(),
            Map("acceptance", "Drafted tokens accepted", cell => 100 * cell.AcceptanceRate, value => FormattableString.Invariant($"{value:0} %")).Draw(),
            Map("tokens-per-round", "Tokens a round", cell => cell.TokensPerRound, value => FormattableString.Invariant($"{value:0.00}"), neutral: 1).Draw(),
            Svg.Figure("In numbers", Page.Numbers(
                ["exit layer", "drafted", "speed-up", "min", "max", "ms autoregressive", "ms self-speculative", "accepted", "tokens a round", "identical"],
                report.Cells.Select(IReadOnlyList<string> (cell) =>
                [
                    Text($"{cell.ExitLayer}"), Text($"{cell.NumSpeculations}"), Text($"{cell.Speedup.Median:0.00}x"), Text($"{cell.Speedup.Min:0.00}x"), Text($"{cell.Speedup.Max:0.00}x"),
                    Text($"{cell.AutoregressiveMs:0.00}"), Text($"{cell.SelfSpeculativeMs:0.00}"), StatisticsText.Accepted(cell.AcceptanceRate), Text($"{cell.TokensPerRound:0.00}"), Text($"{cell.Identical} of {report.Prompts}"),
                ]))));
    }

    private static string Text(FormattableString text) => FormattableString.Invariant(text);
}
