namespace LayerSkip.Cli.Reports;

/// <summary>What <c>layerskip export</c> or <c>layerskip quantize</c> has written.</summary>
/// <param name="Output">The file or directory, as it was asked for.</param>
/// <param name="Dtype">How most of its matrices are stored.</param>
/// <param name="Bytes">The size of the file, or of the weights.</param>
internal sealed record ExportReport(string Output, string Dtype, long Bytes);
