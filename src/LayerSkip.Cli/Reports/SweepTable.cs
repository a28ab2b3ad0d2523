using Spectre.Console;

namespace LayerSkip.Cli.Reports;

/// <summary>Prints a sweep for people: speed-ups, exit layers down, tokens drafted a round across.</summary>
internal static class SweepTable
{
    public static void Write(IAnsiConsole console, SweepReport report)
    {
        console.WriteLine(VisibleText.Line($"{report.Model}, {report.WeightFormat}, {report.Machine.Describe()}"));
        console.WriteLine(
            $"{Quantity.Of(report.Runs, "run")} of {Quantity.Of(report.Prompts, "prompt")} in each cell, at most {report.MaxTokens} tokens each; speed-up end to end, exit layers down, tokens drafted a round across");
        var columns = report.Cells.Select(cell => cell.NumSpeculations ?? 0).Distinct().Order().ToArray();
        var table = new Table { Border = TableBorder.Simple };
        table.AddColumn("");
        foreach (var column in columns)
        {
            table.AddColumn(new TableColumn(new Text(FormattableString.Invariant($"{column}"))).RightAligned());
        }

        foreach (var row in report.Cells.GroupBy(cell => cell.ExitLayer))
        {
            var cells = row.ToDictionary(cell => cell.NumSpeculations ?? 0);
            table.AddRow(
            [
                new Text(FormattableString.Invariant($"{row.Key}")),
                .. columns.Select(column => new Text(cells.TryGetValue(column, out var cell) ? FormattableString.Invariant($"{cell.Speedup.Median:0.00}x") : "")),
            ]);
        }

        console.Write(table);
        var best = report.Best;
        console.WriteLine(FormattableString.Invariant(
            $"best: exit layer {best.ExitLayer}, {best.NumSpeculations} drafted: {best.Speedup.Median:0.00}x ({best.Speedup.Min:0.00}x - {best.Speedup.Max:0.00}x), {StatisticsText.AcceptedInWords(best.AcceptanceRate)}, {best.TokensPerRound:0.00} tokens a round"));
        if (report.DescribeAuto() is { } auto)
        {
            console.WriteLine($"controller auto: {auto}");
        }

        if (report.Mismatches > 0)
        {
            console.WriteLine(FormattableString.Invariant($"tokens differ: {report.Mismatches} answers"));
        }
    }
}
