namespace LayerSkip.Cli.Reports;

/// <summary>What requests at once gain, as a table's cells: first all numbers of requests decoding autoregressively, then all drafting.</summary>
internal static class RequestsTable
{
    /// <summary>The columns' names.</summary>
    public static IReadOnlyList<string> Headings { get; } = ["requests at once", "", "tokens/s", "min - max", "relative", "identical"];

    /// <summary>As many cells a row as there are headings.</summary>
    public static IEnumerable<string[]> Rows(IReadOnlyList<RequestsReport> requests) =>
    [
        .. requests.Select(report => Row(report.Requests, "autoregressive", report.Autoregressive)),
        .. requests.Select(report => Row(report.Requests, "self-speculative", report.SelfSpeculative)),
    ];

    private static string[] Row(int requests, string mode, ThroughputReport throughput)
    {
        var rate = throughput.TokensPerSecond;
        return
        [
            Text($"{requests}"), mode, Text($"{rate.Median:0.0}"), Text($"{rate.Min:0.0} - {rate.Max:0.0}"), Text($"{throughput.Relative:0.00}"),
            throughput.Identical ? "yes" : "no",
        ];
    }

    private static string Text(FormattableString text) => FormattableString.Invariant(text);
}
