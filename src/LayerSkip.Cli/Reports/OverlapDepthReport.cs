namespace LayerSkip.Cli.Reports;

/// <summary>Exact match of rows that stand in the training data and of rows that do not; null where there are none.</summary>
/// <param name="Layers">Layers that ran.</param>
/// <param name="Seen">Rows whose prompt stands there, averaged over the domains that have any.</param>
/// <param name="Unseen">All others, averaged over the domains that have any.</param>
/// <param name="SeenOverRows">As Seen, each row weighing the same.</param>
/// <param name="UnseenOverRows">As Unseen, each row weighing the same.</param>
internal sealed record OverlapDepthReport(int Layers, double? Seen, double? Unseen, double? SeenOverRows, double? UnseenOverRows);
