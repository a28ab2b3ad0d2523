using LayerSkip.AI.ChatTemplates;

namespace LayerSkip.AI.Tests.ChatTemplates;

/// <summary>Short ways to render in tests.</summary>
internal static class Rendering
{
    public static RenderedPrompt Render(string template, params (string Name, TemplateValue Value)[] variables) =>
        ChatTemplate.Parse(template).Render(new ChatTemplateContext
        {
            Messages = [],
            Variables = variables.ToDictionary(variable => variable.Name, variable => variable.Value),
        });

    /// <summary>The segments as (text, origin), which is easier to compare.</summary>
    public static (string Text, PromptOrigin Origin)[] Segments(this RenderedPrompt prompt) =>
        [.. prompt.Segments.Select(segment => (prompt.Text.Substring(segment.Start, segment.Length), segment.Origin))];
}
