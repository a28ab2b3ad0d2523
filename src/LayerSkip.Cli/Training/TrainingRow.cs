using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Tools;

namespace LayerSkip.Cli.Training;

/// <summary>One conversation to learn from.</summary>
/// <param name="Source">File and line, for errors.</param>
/// <param name="Messages">At least one of the assistant's; the last is.</param>
/// <param name="Tools">What the assistant may call; null: nothing.</param>
internal sealed record TrainingRow(string Source, IReadOnlyList<TemplateMessage> Messages, IReadOnlyList<ToolDeclaration>? Tools = null);
