using LayerSkip.Cli.Measurement;

namespace LayerSkip.Cli.Reports;

/// <summary>How a step's time grows.</summary>
/// <param name="Contexts">One token at full depth, by the tokens before it; empty where no lengths were asked for.</param>
/// <param name="RowsContext">Tokens before those of the passes in <paramref name="Rows"/>.</param>
/// <param name="Rows">A pass at full depth with the head, as a verification is, by its rows; empty where none were asked for.</param>
internal sealed record GrowthReport(IReadOnlyList<ContextReport> Contexts, int RowsContext, IReadOnlyList<RowsReport> Rows);

/// <summary>A token behind so many others.</summary>
/// <param name="Context">Tokens that it attends to, its own included.</param>
/// <param name="Ms">Milliseconds.</param>
internal sealed record ContextReport(int Context, Spread Ms);

/// <summary>A pass of so many rows.</summary>
/// <param name="Rows">Rows.</param>
/// <param name="Ms">Milliseconds.</param>
/// <param name="Relative">Of the median, to that of the fewest rows measured.</param>
internal sealed record RowsReport(int Rows, Spread Ms, double Relative);
