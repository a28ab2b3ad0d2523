namespace LayerSkip.Cli.Reports;

/// <summary>What <c>layerskip export</c> has written.</summary>
/// <param name="Output">The file, as it was asked for.</param>
/// <param name="Dtype">How most of its matrices are stored.</param>
/// <param name="Bytes">Its size.</param>
internal sealed record ExportReport(string Output, string Dtype, long Bytes);
