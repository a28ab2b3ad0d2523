namespace LayerSkip.Cli.Reports;

/// <summary>The chat template.</summary>
/// <param name="Source">The file.</param>
/// <param name="Length">UTF-16 code units.</param>
/// <param name="Template">All of it.</param>
internal sealed record ChatTemplateReport(string Source, int Length, string Template);
