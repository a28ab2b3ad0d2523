namespace LayerSkip.Cli.Reports;

/// <summary>A data file.</summary>
/// <param name="Path">As the user named it.</param>
/// <param name="Rows">Rows in it.</param>
/// <param name="Evaluated">How many of them were evaluated.</param>
internal sealed record EvalFileReport(string Path, int Rows, int Evaluated);
