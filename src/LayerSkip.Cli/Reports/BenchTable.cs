using LayerSkip.Cli.Measurement;
using Spectre.Console;

namespace LayerSkip.Cli.Reports;

/// <summary>Prints a benchmark for people.</summary>
internal static class BenchTable
{
    public static void Write(IAnsiConsole console, BenchReport report)
    {
        console.WriteLine(VisibleText.Line($"{report.Model}, {report.WeightFormat}, {report.Machine.Describe()}"));
        console.WriteLine(
            $"{Quantity.Of(report.Runs, "run")} of {Quantity.Of(report.Prompts, "prompt")}, at most {report.MaxTokens} tokens each; {report.DescribeDrafts()}");

        var table = new Table { Border = TableBorder.Simple };
        table.AddColumn("").AddColumn(new TableColumn("median").RightAligned()).AddColumn("min - max");
        Add(table, $"prefill of {report.PrefillTokens} tokens, tokens/s", report.Spread.PrefillTokensPerSecond, "0.0");
        AddDecoding(table, "decode, autoregressive, tokens/s", report.Spread.DecodeTokensPerSecond);
        AddDecoding(table, "decode, self-speculative, tokens/s", report.Spread.SelfSpeculativeDecodeTokensPerSecond);
        Add(table, "speedup end to end (prefill included)", report.Spread.Speedup, "0.00x");
        if (report.Spread.SpeedupDecode is { } decode)
        {
            Add(table, "speedup of decoding alone", decode, "0.00x");
        }

        Add(table, "first token, autoregressive, ms", report.Latency.Autoregressive.FirstTokenMs);
        Add(table, "first token, self-speculative, ms", report.Latency.SelfSpeculative.FirstTokenMs);
        Add(table, "later token, autoregressive, ms", report.Latency.Autoregressive.TokenMs);
        Add(table, "later token, self-speculative, ms", report.Latency.SelfSpeculative.TokenMs);
        Add(table, "request, autoregressive, ms", report.Latency.Autoregressive.RequestMs);
        Add(table, "request, self-speculative, ms", report.Latency.SelfSpeculative.RequestMs);
        Add(table, "drafted tokens accepted", StatisticsText.Accepted(report.AcceptanceRate));
        Add(table, "tokens a round", $"{report.TokensPerRound:0.00}");
        Add(table, "mean exit layer", $"{report.MeanExitLayer:0.00}");
        Add(table, "rounds with 0, 1, 2 ... accepted", string.Join(' ', report.AcceptedPerRound));
        Add(table, "outputs identical", report.Identical ? "yes" : "no");
        Add(table, "bytes read per token, weights", Quantity.Bytes(report.WeightBytesPerToken));
        if (report.DraftWeightBytes > 0)
        {
            Add(table, "bytes of copies that draft", Quantity.Bytes(report.DraftWeightBytes));
        }

        Add(table, "bytes read per token, KV cache", Quantity.Bytes(report.KvBytesPerToken));
        if (report.BandwidthBytesPerSecond is { } bandwidth)
        {
            Add(table, report.FmaFlopsPerSecond is not null ? "read bandwidth" : "bandwidth of copies in the GPU's memory", $"{Quantity.Count(bandwidth)}B/s");
        }

        if (report.Spread.BandwidthShare is { } share)
        {
            Add(table, "share of it, autoregressive decode", share, "P1");
        }

        if (report.FmaFlopsPerSecond is { } flops)
        {
            Add(table, "FMA peak", $"{Quantity.Count(flops)}FLOPS");
            Add(table, "share of it, prefill without attention", $"{report.FmaShare:P1}");
        }

        Add(table, "managed bytes allocated per token", $"{report.AllocatedBytesPerToken:0.##}");
        if (report.StartUp is { } startUp)
        {
            Add(table, "loading, ms", $"{startUp.Ms:0}");
            Add(table, "memory until loaded, at its peak", $"{Quantity.Bytes(startUp.PeakBytes)}: {startUp.PeakShare:0.00}x the tensors in the files");
        }

        console.Write(table);
        WriteGrowth(console, report.Growth);
        WriteRequests(console, report.Requests);
        foreach (var note in report.Notes)
        {
            console.WriteLine($"note: {note}");
        }
    }

    /// <summary>Tokens a second of all rounds but the first, where there were such rounds.</summary>
    private static void AddDecoding(Table table, string name, Spread? tokensPerSecond)
    {
        if (tokensPerSecond is not null)
        {
            Add(table, name, tokensPerSecond, "0.0");
        }
        else
        {
            Add(table, name, "not measured");
        }
    }

    private static void WriteGrowth(IAnsiConsole console, GrowthReport? growth)
    {
        if (growth is { Contexts.Count: > 0 })
        {
            var contexts = new Table { Border = TableBorder.Simple };
            contexts.AddColumn(new TableColumn("context").RightAligned()).AddColumn(new TableColumn("ms a token").RightAligned()).AddColumn("min - max");
            foreach (var step in growth.Contexts)
            {
                Add(contexts, FormattableString.Invariant($"{step.Context}"), step.Ms, "0.000");
            }

            console.Write(contexts);
        }

        if (growth is { Rows.Count: > 0 })
        {
            var rows = new Table { Border = TableBorder.Simple };
            rows.AddColumn(new TableColumn("rows").RightAligned()).AddColumn(new TableColumn("ms a pass").RightAligned()).AddColumn("min - max").AddColumn(new TableColumn("relative").RightAligned());
            foreach (var pass in growth.Rows)
            {
                rows.AddRow(
                    Cell($"{pass.Rows}"), Cell($"{pass.Ms.Median:0.000}"), Cell($"{pass.Ms.Min:0.000} - {pass.Ms.Max:0.000}"), Cell($"{pass.Relative:0.00}"));
            }

            console.Write(rows);
        }
    }

    private static void WriteRequests(IAnsiConsole console, IReadOnlyList<RequestsReport> requests)
    {
        if (requests.Count == 0)
        {
            return;
        }

        var table = new Table { Border = TableBorder.Simple };
        foreach (var heading in RequestsTable.Headings)
        {
            table.AddColumn(heading is "requests at once" or "tokens/s" or "relative" ? new TableColumn(heading).RightAligned() : new TableColumn(heading));
        }

        foreach (var row in RequestsTable.Rows(requests))
        {
            table.AddRow(row.Select(cell => new Text(cell)));
        }

        console.Write(table);
    }

    private static Text Cell(FormattableString value) => new(FormattableString.Invariant(value));

    private static void Add(Table table, string name, Percentiles? milliseconds)
    {
        if (milliseconds is not null)
        {
            table.AddRow(new Text(name), Cell($"{milliseconds.P50:0.000}"), Cell($"p90 {milliseconds.P90:0.000}, p99 {milliseconds.P99:0.000}"));
        }
    }

    private static void Add(Table table, string name, FormattableString value) => Add(table, name, FormattableString.Invariant(value));

    private static void Add(Table table, string name, string value) => table.AddRow(new Text(name), new Text(value), Text.Empty);

    private static void Add(Table table, string name, Spread spread, string format)
    {
        string Show(double value) => value.ToString(format, System.Globalization.CultureInfo.InvariantCulture);
        table.AddRow(new Text(name), new Text(Show(spread.Median)), new Text($"{Show(spread.Min)} - {Show(spread.Max)}"));
    }
}
