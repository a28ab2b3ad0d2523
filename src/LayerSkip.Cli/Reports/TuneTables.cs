using Spectre.Console;

namespace LayerSkip.Cli.Reports;

/// <summary>Prints what tuning found for people.</summary>
internal static class TuneTables
{
    public static void Write(IAnsiConsole console, TuneReport report)
    {
        console.WriteLine(VisibleText.Line($"{report.Model}, {report.WeightFormat}, {report.Machine.Describe()}"));
        console.WriteLine(FormattableString.Invariant($"{Quantity.Of(report.Prompts, "prompt")}, {Quantity.Of(report.Tokens, "token")} answered at full depth; a step takes {report.Costs.PlainStepMs:0.000} ms, one of {PassesText(report)}"));
        console.WriteLine();
        var exits = Columns("exit layer", "agrees", "ms a draft", "exit is the\nsmallest right one", "best length,\npredicted", "weights", "accepted,\npredicted", "tokens a round,\npredicted", "speed-up,\npredicted");
        foreach (var exit in report.Exits)
        {
            Add(
                exits,
                $"{exit.ExitLayer}",
                $"{100 * exit.Agreement:0.0} %",
                $"{exit.DraftMs:0.000}",
                $"{100 * report.Oracle.Share[exit.ExitLayer - 1]:0.0} %",
                $"{exit.NumSpeculations}",
                $"{exit.DraftWeights}",
                $"{StatisticsText.Accepted(exit.AcceptanceRate)}",
                $"{exit.TokensPerRound:0.00}",
                $"{exit.Predicted:0.00}x");
        }

        console.Write(exits);
        console.WriteLine(FormattableString.Invariant($"an oracle that knew each token's smallest exit would run {report.Oracle.MeanLayers:0.00} of {report.Oracle.Share.Count} layers: {report.Oracle.Bound:0.00}x at most, heads and verification aside"));
        console.WriteLine();
        console.WriteLine(FormattableString.Invariant($"measured: {Quantity.Of(report.Runs, "run")} of {Quantity.Of(report.ConfirmedPrompts, "prompt")}, both modes in turn, end to end"));
        var settings = Columns("controller", "exit layer", "drafted\na round", "weights", "speed-up,\npredicted", "speed-up,\nmeasured", "min - max", "ms a request,\nautoregressive", "ms a request,\nself-speculative", "accepted", "tokens\na round");
        foreach (var setting in report.Confirmed)
        {
            Add(
                settings,
                $"{setting.Controller}",
                $"{setting.ExitLayer}",
                $"{setting.NumSpeculations}",
                $"{setting.DraftWeights}",
                setting.Predicted is { } predicted ? $"{predicted:0.00}x" : (FormattableString)$"",
                $"{setting.Measured.Median:0.00}x",
                $"{setting.Measured.Min:0.00}x - {setting.Measured.Max:0.00}x",
                $"{setting.AutoregressiveMs:0.00}",
                $"{setting.SelfSpeculativeMs:0.00}",
                $"{StatisticsText.Accepted(setting.AcceptanceRate)}",
                $"{setting.TokensPerRound:0.00}");
        }

        console.Write(settings);
        console.WriteLine(Outcome(report));
        console.WriteLine(VisibleText.Line(
            report.Mismatches > 0 ? FormattableString.Invariant($"nothing written: {report.Mismatches} answers have other tokens than autoregressive decoding gave")
            : report.Written is { } path ? $"written to {path}{Previous(report)}"
            : $"nothing written{Previous(report)}"));
    }

    /// <summary>What the tuning came to, in a sentence.</summary>
    public static string Outcome(TuneReport report) => report.NumSpeculations == 0
        ? FormattableString.Invariant($"nothing beats autoregressive decoding here: the best is {report.Speedup:0.00}x, so num_speculations is 0")
        : FormattableString.Invariant($"best: draft_controller {report.Controller}, exit_layer {report.ExitLayer}, num_speculations {report.NumSpeculations}, draft_weights {report.DraftWeights}: {report.Speedup:0.00}x{Rivals(report)}");

    /// <summary>How many others may be as fast, for all that the runs tell.</summary>
    private static string Rivals(TuneReport report)
    {
        var least = report.Confirmed.First(setting => setting.Controller == report.Controller
            && (setting.ExitLayer is null || (setting.ExitLayer, setting.NumSpeculations, setting.DraftWeights) == (report.ExitLayer, report.NumSpeculations, report.DraftWeights))).Measured.Min;
        var rivals = report.Confirmed.Count(setting => setting.Measured.Max >= least) - 1;
        return rivals == 0 ? "" : FormattableString.Invariant(
            $"; {Quantity.Of(rivals, "other setting")} may be as fast, as the ranges overlap: more --runs tell");
    }

    private static string Previous(TuneReport report) => report.PreviousExitLayer is { } exit
        ? FormattableString.Invariant($" (declared before: draft_controller {report.PreviousController ?? "none"}, exit_layer {exit}, num_speculations {report.PreviousNumSpeculations?.ToString() ?? "none"}, draft_weights {report.PreviousDraftWeights ?? "none"})")
        : "";

    private static string PassesText(TuneReport report) => string.Join(
        ", ",
        report.Costs.PassMs.Where(pass => pass.Rows is 4 or 8 or 16).Select(pass => FormattableString.Invariant($"{pass.Rows} rows {pass.Ms / report.Costs.PassMs[0].Ms:0.00} times as long as of one")));

    private static Table Columns(params string[] names)
    {
        var table = new Table { Border = TableBorder.Simple };
        foreach (var name in names)
        {
            table.AddColumn(new TableColumn(new Text(name)).RightAligned());
        }

        return table;
    }

    private static void Add(Table table, params FormattableString[] values) => table.AddRow(values.Select(value => new Text(FormattableString.Invariant(value))));
}
