using LayerSkip.Cli.Measurement;
using LayerSkip.Cli.Reports.Plots;

namespace LayerSkip.Cli.Reports;

/// <summary>A benchmark as an HTML page.</summary>
internal static class BenchPage
{
    private const int MostQuantiles = 200;
    private const int AutoregressiveColour = 1;
    private const int SpeculativeColour = 5;

    /// <param name="report">The figures.</param>
    /// <param name="autoregressive">The runs behind them.</param>
    /// <param name="speculative">The runs behind them.</param>
    public static string Create(BenchReport report, IReadOnlyCollection<ModeRun> autoregressive, IReadOnlyCollection<ModeRun> speculative) => Page.Create(
        $"Benchmark of {report.Model}",
        Page.Facts(
        [
            ("measured on", Text($"{Quantity.Of(report.Runs, "run")} of {Quantity.Of(report.Prompts, "prompt")}, at most {report.MaxTokens} tokens each; {report.DescribeDrafts()}")),
            ("speed-up end to end", Show(report.Spread.Speedup, "0.00x")),
            ("decode, autoregressive", Rate(report.Spread.DecodeTokensPerSecond)),
            ("decode, self-speculative", Rate(report.Spread.SelfSpeculativeDecodeTokensPerSecond)),
            (Text($"prefill of {report.PrefillTokens} tokens"), Rate(report.Spread.PrefillTokensPerSecond)),
            ("drafts", Text($"{StatisticsText.AcceptedInWords(report.AcceptanceRate)}, {report.TokensPerRound:0.00} tokens a round, mean exit layer {report.MeanExitLayer:0.00}")),
            ("outputs identical", report.Identical ? "yes" : "no"),
            .. Limits(report),
            ("allocated a token", Text($"{report.AllocatedBytesPerToken:0.##} bytes")),
            ("model", $"{report.Model}, {report.WeightFormat}"),
            ("machine", report.Machine.Describe()),
        ]),
        report.Notes.Select(note => Svg.Text("p", $"Note: {note}.", ("class", "note"))),
        Svg.Figure("Waiting times, ms", Page.Numbers(
            ["", "p50", "p90", "p99"],
            [
                .. Rows("autoregressive", report.Latency.Autoregressive),
                .. Rows("self-speculative", report.Latency.SelfSpeculative),
            ])),
        new LineChart
        {
            Id = "requests",
            Title = "Requests by time",
            XLabel = "ms from prompt to answer",
            YLabel = "share of requests answered, %",
            YMax = 100,
            Series =
            [
                Quantiles("autoregressive", AutoregressiveColour, autoregressive.SelectMany(run => run.RequestSeconds)),
                Quantiles("self-speculative", SpeculativeColour, speculative.SelectMany(run => run.RequestSeconds)),
            ],
        }.Draw(),
        new LineChart
        {
            Id = "tokens",
            Title = "Tokens by time",
            XLabel = "ms a token, the first round's aside",
            YLabel = "share of tokens, %",
            YMax = 100,
            Series =
            [
                Quantiles("autoregressive", AutoregressiveColour, autoregressive.SelectMany(run => run.TokenSeconds)),
                Quantiles("self-speculative", SpeculativeColour, speculative.SelectMany(run => run.TokenSeconds)),
            ],
        }.Draw(),
        new BarChart(
            "accepted",
            "Drafted tokens accepted in a round",
            "share of rounds, %",
            [.. report.AcceptedPerRound.Select((rounds, accepted) => (Text($"{accepted}"), (double)rounds / Math.Max(1, report.AcceptedPerRound.Sum()), SpeculativeColour))]).Draw(),
        report.Growth is { Contexts.Count: > 0 } contexts
            ? new LineChart
            {
                Id = "contexts",
                Title = "A token against the tokens before it",
                XLabel = "tokens of context",
                YLabel = "ms a token",
                Marked = true,
                Series = Band(contexts.Contexts.Select(step => ((double)step.Context, step.Ms))),
            }.Draw()
            : null,
        report.Growth is { Rows.Count: > 0 } rows
            ? new LineChart
            {
                Id = "rows",
                Title = Text($"A pass against its rows, {rows.RowsContext} tokens before them"),
                XLabel = "rows of a pass",
                YLabel = "ms a pass",
                Marked = true,
                Series = Band(rows.Rows.Select(pass => ((double)pass.Rows, pass.Ms))),
            }.Draw()
            : null,
        report.Requests.Count > 0
            ? new LineChart
            {
                Id = "throughput",
                Title = "Tokens of all requests against the requests at once",
                XLabel = "requests at once",
                YLabel = "tokens/s of all together",
                Marked = true,
                Series =
                [
                    Rates("autoregressive", AutoregressiveColour, report.Requests, requests => requests.Autoregressive),
                    Rates("self-speculative", SpeculativeColour, report.Requests, requests => requests.SelfSpeculative),
                ],
            }.Draw()
            : null,
        report.Requests.Count > 0 ? Svg.Figure("Requests at once", Page.Numbers(RequestsTable.Headings, RequestsTable.Rows(report.Requests))) : null);

    private static IEnumerable<IReadOnlyList<string>> Rows(string mode, LatencyReport latency)
    {
        IReadOnlyList<string> Row(string what, Percentiles? ms) =>
            [$"{what}, {mode}", .. ms is null ? ["–", "–", "–"] : new[] { ms.P50, ms.P90, ms.P99 }.Select(value => Text($"{value:0.000}"))];
        yield return Row("first token", latency.FirstTokenMs);
        yield return Row("token", latency.TokenMs);
        yield return Row("request", latency.RequestMs);
    }

    /// <summary>The share of values, in percent, that are at most so long.</summary>
    private static Series Quantiles(string name, int colour, IEnumerable<double> seconds)
    {
        var sorted = seconds.Order().ToArray();
        var count = Math.Min(sorted.Length, MostQuantiles);
        return new Series(
            name,
            colour,
            [.. Enumerable.Range(1, count).Select(part => 100.0 * part / count).Select(percent => (1000 * Percentiles.At(sorted, percent), percent))],
            Strong: true);
    }

    private static Series[] Band(IEnumerable<(double X, Spread Ms)> values)
    {
        var points = values.ToArray();
        return
        [
            new Series("median", SpeculativeColour, [.. points.Select(point => (point.X, point.Ms.Median))], Strong: true),
            new Series("fastest", 4, [.. points.Select(point => (point.X, point.Ms.Min))]),
        ];
    }

    private static Series Rates(string name, int colour, IEnumerable<RequestsReport> requests, Func<RequestsReport, ThroughputReport> of) =>
        new(name, colour, [.. requests.Select(report => ((double)report.Requests, of(report).TokensPerSecond.Median))], Strong: true);

    private static string Rate(Spread? tokensPerSecond) => tokensPerSecond is null ? "not measured: every answer came in one round" : $"{Show(tokensPerSecond, "0.0")} tokens/s";

    private static string Show(Spread spread, string format)
    {
        string Number(double value) => value.ToString(format, System.Globalization.CultureInfo.InvariantCulture);
        return $"{Number(spread.Median)} ({Number(spread.Min)} - {Number(spread.Max)})";
    }

    /// <summary>What the machine can do, and how much of it was used.</summary>
    private static IEnumerable<(string, string)> Limits(BenchReport report)
    {
        if (report.BandwidthBytesPerSecond is { } bandwidth)
        {
            yield return (
                report.FmaFlopsPerSecond is not null ? "read bandwidth" : "bandwidth of copies in the GPU's memory",
                Text($"{Quantity.Count(bandwidth)}B/s") + (report.BandwidthShare is { } share ? Text($", of which decoding autoregressively uses {100 * share:0} %") : ""));
        }

        if (report.FmaFlopsPerSecond is { } flops)
        {
            yield return ("FMA peak", Text($"{Quantity.Count(flops)}FLOPS, of which prefill uses {100 * report.FmaShare:0} %"));
        }
    }

    private static string Text(FormattableString text) => FormattableString.Invariant(text);
}
