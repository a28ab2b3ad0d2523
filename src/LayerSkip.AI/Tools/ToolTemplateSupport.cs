using System.Text.Json;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Requests;

namespace LayerSkip.AI.Tools;

/// <summary>What a template does with tools. Asked of the template itself: it renders conversations with a call, and what it made of them is looked at.</summary>
/// <param name="Format">The format of the calls it renders, together with tools and results; null where it renders none, or in a format of its own.</param>
/// <param name="RendersCallsAlone">Whether it renders calls and results in that format where no tools are declared, too.</param>
internal sealed record ToolTemplateSupport(ToolCallFormat? Format, bool RendersCallsAlone)
{
    private const string Tool = "layerskip_probe_tool";
    private const string Result = "layerskip_probe_result";
    private const string Declared = "layerskip_probe_declared";

    private static readonly JsonElement s_declared = JsonElement.Parse(
        $$$"""{"type": "function", "function": {"name": "{{{Declared}}}", "description": "", "parameters": {"type": "object", "properties": {} } } }""");

    private static readonly TemplateMessage[] s_conversation =
    [
        new() { Role = TemplateRoles.User, Content = "question" },
        new() { Role = TemplateRoles.Assistant, ToolCalls = [new TemplateToolCall(Tool, JsonElement.Parse("""{"key": "value"}"""), "123456789")] },
        new() { Role = TemplateRoles.Tool, Content = Result, ToolCallId = "123456789", Name = Tool },
    ];

    public static ToolTemplateSupport Probe(ChatTemplate template)
    {
        // A checkpoint may have a template of its own for conversations with tools, so that one rendering tells nothing of the other.
        var format = Render(template, [s_declared]) is { } text && text.Contains(Declared, StringComparison.Ordinal) ? FormatOf(text) : null;
        return new(format, format is not null && Render(template, []) is { } alone && FormatOf(alone) == format);
    }

    private static ToolCallFormat? FormatOf(string text)
    {
        if (!text.Contains(Result, StringComparison.Ordinal))
        {
            return null;
        }

        foreach (var format in (ReadOnlySpan<ToolCallFormat>)[ToolCallFormat.Hermes, ToolCallFormat.Llama3Json, ToolCallFormat.Mistral])
        {
            var syntax = ToolCallSyntax.Of(format);
            var call = text.IndexOf(syntax.Head(Tool), StringComparison.Ordinal);
            if (call >= 0 && (syntax.Opening is null || syntax.BehindOpening.Any(behind => text[..call].TrimEnd().EndsWith(syntax.Opening + behind.TrimEnd(), StringComparison.Ordinal))))
            {
                return format;
            }
        }

        return null;
    }

    private static string? Render(ChatTemplate template, IReadOnlyList<JsonElement> tools)
    {
        try
        {
            return template.Render(new ChatTemplateContext { Messages = s_conversation, Tools = tools, AddGenerationPrompt = false }).Text;
        }
        catch (ChatTemplateException)
        {
            return null;
        }
    }
}
