namespace LayerSkip.Cli.Reports;

/// <summary>One token.</summary>
internal sealed record TokenReport(int Id, string Token);
