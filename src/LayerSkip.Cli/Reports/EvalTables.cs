using System.Globalization;
using Spectre.Console;

namespace LayerSkip.Cli.Reports;

/// <summary>Prints an evaluation for people.</summary>
internal sealed class EvalTables(IAnsiConsole console)
{
    public void Write(EvalReport report)
    {
        Line($"{report.Model}, {report.WeightFormat}, {report.Machine.Describe()}");
        Line($"{Quantity.Of(report.Rows, "row")} of {Quantity.Of(report.Files.Count, "file")}, greedy{(report.Grounded ? ", frames held to their utterances" : "")}, at most {report.MaxTokens} tokens each; full depth took {report.Depths[0].Seconds:0.0} s, {report.Concurrency} rows at a time");
        WriteScores(report);
        WriteDomains(report);
        if (report.Overlap is { } overlap)
        {
            WriteOverlap(overlap);
        }

        if (report.Speed is { } speed)
        {
            WriteSpeed(speed);
        }
    }

    private void WriteScores(EvalReport report)
    {
        console.WriteLine();
        Line($"exact match and other scores in %; exits leave layers out and are lossy");
        var table = Create("layers", "exact match,\nover domains", "exact match,\nover rows", "intent", "slot F1", "valid trees", "same as\nfull depth", "unfinished");
        foreach (var depth in report.Depths)
        {
            var (domains, rows) = (depth.OverDomains, depth.OverRows);
            table.AddRow(
                Cell(Name(depth)),
                Cell(Percent(domains.ExactMatch)),
                Cell(Percent(rows.ExactMatch)),
                Cell(Percent(domains.IntentAccuracy)),
                Cell(Percent(domains.SlotF1)),
                Cell(Percent(domains.TreeValidity)),
                Cell(Percent(domains.SameAsFullDepth)),
                Cell(rows.Unfinished.ToString(CultureInfo.InvariantCulture)));
        }

        console.Write(table);
    }

    private void WriteDomains(EvalReport report)
    {
        Line($"exact match by domain, in %");
        var table = Create(["domain", "rows", .. report.Depths.Select(Name)]);
        foreach (var (domain, scores) in report.Depths[0].Domains.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            table.AddRow(
            [
                Cell(domain),
                Cell(scores.Rows.ToString(CultureInfo.InvariantCulture)),
                .. report.Depths.Select(depth => Cell(Percent(depth.Domains[domain].ExactMatch))),
            ]);
        }

        console.Write(table);
    }

    private void WriteOverlap(OverlapReport overlap)
    {
        Line($"{Quantity.Of(overlap.Rows, "row")} ({Percent(overlap.Share)} %) stand in the {overlap.TrainRows} rows of training data; exact match in %, over domains (over rows)");
        var table = Create("layers", "rows seen", "rows unseen");
        foreach (var depth in overlap.Depths)
        {
            table.AddRow(
                Cell(depth.Layers.ToString(CultureInfo.InvariantCulture)),
                Cell($"{Percent(depth.Seen)} ({Percent(depth.SeenOverRows)})"),
                Cell($"{Percent(depth.Unseen)} ({Percent(depth.UnseenOverRows)})"));
        }

        console.Write(table);
    }

    private void WriteSpeed(SpeedReport speed)
    {
        Line($"speed, end to end (prefill included, from token ids to token ids): {Quantity.Of(speed.Runs, "run")} of {Quantity.Of(speed.Rows, "row")}, one at a time, both modes in turn");
        var table = Create(
            "controller", "exit layer", "drafted\na round", "speedup", "min - max", "ms a row,\nautoregressive", "ms a row,\nself-speculative", "tokens\na round", "drafts\naccepted", "identical");
        foreach (var cell in speed.Cells)
        {
            table.AddRow(
                Cell(cell.Controller),
                Cell(Invariant($"{cell.ExitLayer}")),
                Cell(Invariant($"{cell.NumSpeculations}")),
                Cell(Invariant($"{cell.Speedup.Median:0.00}x")),
                Cell(Invariant($"{cell.Speedup.Min:0.00}x - {cell.Speedup.Max:0.00}x")),
                Cell(Invariant($"{cell.AutoregressiveMs:0.00}")),
                Cell(Invariant($"{cell.SelfSpeculativeMs:0.00}")),
                Cell(Invariant($"{cell.TokensPerRound:0.00}")),
                Cell(StatisticsText.Accepted(cell.AcceptanceRate)),
                Cell(Invariant($"{cell.Identical} of {speed.Rows}")));
        }

        console.Write(table);
    }

    private static Table Create(params string[] columns)
    {
        var table = new Table { Border = TableBorder.Simple };
        foreach (var column in columns)
        {
            table.AddColumn(new TableColumn(new Text(column)).RightAligned());
        }

        table.Columns[0].LeftAligned();
        return table;
    }

    private static string Name(DepthReport depth) => Invariant($"{depth.Layers}{(depth.Lossy ? "" : " (all)")}");

    private static string Percent(double? share) => share is null ? "-" : Invariant($"{100 * share:0.0}");

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);

    private static Text Cell(string text) => new(VisibleText.Line(text));

    private void Line(FormattableString text) => console.WriteLine(VisibleText.Line(FormattableString.Invariant(text)));
}
