namespace LayerSkip.Cli.Reports;

/// <summary>What <c>layerskip label</c> has written.</summary>
/// <param name="Output">The file, as it was asked for.</param>
/// <param name="Rows">Rows written.</param>
/// <param name="Unfinished">Answers left out because they were empty or reached the limit of tokens.</param>
/// <param name="Repeated">Answers left out because they stood there already.</param>
internal sealed record LabelReport(string Output, int Rows, int Unfinished, int Repeated);
