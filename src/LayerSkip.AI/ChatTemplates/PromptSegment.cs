namespace LayerSkip.AI.ChatTemplates;

/// <summary>A stretch of a rendered prompt that has one origin.</summary>
/// <param name="Start">Index of its first UTF-16 code unit in <see cref="RenderedPrompt.Text"/>.</param>
/// <param name="Length">Its length in UTF-16 code units, at least 1.</param>
/// <param name="Origin">Where the text came from.</param>
public readonly record struct PromptSegment(int Start, int Length, PromptOrigin Origin);
