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
            $"{Quantity.Of(report.Runs, "run")} of {Quantity.Of(report.Prompts, "prompt")}, at most {report.MaxTokens} tokens each; exit layer {report.ExitLayer}, {report.NumSpeculations} tokens drafted a round");

        var table = new Table { Border = TableBorder.Simple };
        table.AddColumn("").AddColumn(new TableColumn("median").RightAligned()).AddColumn("min - max");
        Add(table, $"prefill of {report.PrefillTokens} tokens, tokens/s", report.Spread.PrefillTokensPerSecond, "0.0");
        Add(table, "decode, autoregressive, tokens/s", report.Spread.DecodeTokensPerSecond, "0.0");
        Add(table, "decode, self-speculative, tokens/s", report.Spread.SelfSpeculativeDecodeTokensPerSecond, "0.0");
        Add(table, "speedup end to end (prefill included)", report.Spread.Speedup, "0.00x");
        if (report.Spread.SpeedupDecode is { } decode)
        {
            Add(table, "speedup of decoding alone", decode, "0.00x");
        }

        Add(table, "drafted tokens accepted", $"{report.AcceptanceRate:P1}");
        Add(table, "tokens a round", $"{report.TokensPerRound:0.00}");
        Add(table, "outputs identical", report.Identical ? "yes" : "no");
        Add(table, "bytes read per token, weights", Quantity.Bytes(report.WeightBytesPerToken));
        Add(table, "bytes read per token, KV cache", Quantity.Bytes(report.KvBytesPerToken));
        Add(table, "read bandwidth", $"{Quantity.Count(report.BandwidthBytesPerSecond)}B/s");
        Add(table, "share of it, autoregressive decode", $"{report.BandwidthShare:P1}");
        Add(table, "FMA peak", $"{Quantity.Count(report.FmaFlopsPerSecond)}FLOPS");
        Add(table, "share of it, prefill without attention", $"{report.FmaShare:P1}");
        Add(table, "managed bytes allocated per token", $"{report.AllocatedBytesPerToken:0.##}");
        console.Write(table);
        foreach (var note in report.Notes)
        {
            console.WriteLine($"note: {note}");
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
