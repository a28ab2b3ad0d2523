using LayerSkip.AI.ChatTemplates;

namespace LayerSkip.Cli.Training;

/// <summary>One conversation to learn from.</summary>
/// <param name="Source">File and line, for errors.</param>
/// <param name="Messages">At least one of the assistant's; the last is.</param>
internal sealed record TrainingRow(string Source, IReadOnlyList<TemplateMessage> Messages);
