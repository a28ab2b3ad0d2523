namespace LayerSkip.AI.ChatTemplates;

/// <summary>A chat template's output: the prompt, and where each character of it came from.</summary>
/// <param name="Text">The prompt as the model expects to read it, control tokens written out.</param>
/// <param name="Segments">
/// Covers <paramref name="Text"/> in order, without gap or overlap; neighbours differ in origin. Empty for an empty text.
/// A control token counts as one only where its whole text lies within a <see cref="PromptOrigin.Template"/> segment.
/// </param>
public sealed record RenderedPrompt(string Text, IReadOnlyList<PromptSegment> Segments);
