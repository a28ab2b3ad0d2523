namespace LayerSkip.Cli.Reports;

/// <summary>The checkpoint's own LayerSkip defaults.</summary>
internal sealed record LayerSkipReport(int? ExitLayer, int? NumSpeculations);
