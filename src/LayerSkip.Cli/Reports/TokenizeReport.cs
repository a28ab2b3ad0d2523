namespace LayerSkip.Cli.Reports;

/// <summary>What <c>layerskip tokenize --json</c> prints.</summary>
/// <param name="Ids">Token ids.</param>
/// <param name="Pieces">The vocabulary's spelling of each.</param>
internal sealed record TokenizeReport(IReadOnlyList<int> Ids, IReadOnlyList<string> Pieces);
