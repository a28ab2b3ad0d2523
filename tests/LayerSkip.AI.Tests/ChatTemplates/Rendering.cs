using System.Text.Json;
using LayerSkip.AI.ChatTemplates;

namespace LayerSkip.AI.Tests.ChatTemplates;

/// <summary>Short ways to render in tests.</summary>
internal static class Rendering
{
    private static readonly string[] s_ownVariables = ["messages", "tools", "add_generation_prompt"];

    public static RenderedPrompt Render(string template, params (string Name, TemplateValue Value)[] variables) =>
        ChatTemplate.Parse(template).Render(new ChatTemplateContext
        {
            Messages = [],
            Variables = variables.ToDictionary(variable => variable.Name, variable => variable.Value),
        });

    /// <summary>A context as transformers' callers write it: messages, tools and variables in one JSON object.</summary>
    public static ChatTemplateContext Context(JsonElement json) => new()
    {
        Messages = json.TryGetProperty("messages", out var messages) ? [.. messages.EnumerateArray().Select(TemplateMessage.FromJson)] : [],
        Tools = json.TryGetProperty("tools", out var tools) && tools.ValueKind == JsonValueKind.Array ? [.. tools.EnumerateArray()] : [],
        AddGenerationPrompt = json.TryGetProperty("add_generation_prompt", out var add) && add.GetBoolean(),
        Variables = json.EnumerateObject()
            .Where(variable => !s_ownVariables.Contains(variable.Name))
            .ToDictionary(variable => variable.Name, variable => TemplateValue.FromJson(variable.Value)),
    };

    /// <summary>The segments as (text, origin), which is easier to compare.</summary>
    public static (string Text, PromptOrigin Origin)[] Segments(this RenderedPrompt prompt) =>
        [.. prompt.Segments.Select(segment => (prompt.Text.Substring(segment.Start, segment.Length), segment.Origin))];
}
