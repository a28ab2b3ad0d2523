namespace LayerSkip.Cli.Reports;

/// <summary>One weight file.</summary>
internal sealed record WeightFileReport(string Name, int Tensors, long Bytes);
