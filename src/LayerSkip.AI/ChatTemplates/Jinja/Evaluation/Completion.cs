namespace LayerSkip.AI.ChatTemplates.Jinja.Evaluation;

/// <summary>How a statement ended: whether the loop around it goes on.</summary>
internal enum Completion
{
    Normal,
    Break,
    Continue,
}
