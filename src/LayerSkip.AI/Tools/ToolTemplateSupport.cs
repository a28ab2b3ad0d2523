using System.Text.Json;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Requests;

namespace LayerSkip.AI.Tools;

/// <summary>What a template does with tools. Asked of the template itself: it renders a conversation with a call, and what it made of it is looked at.</summary>
/// <param name="Format">The format of the calls it renders, together with tools and results; null where it renders none, or in a format of its own.</param>
/// <param name="RendersCalls">Whether it renders calls and results in any format.</param>
internal sealed record ToolTemplateSupport(ToolCallFormat? Format, bool RendersCalls)
{
    private const string Tool = "layerskip_probe_tool";
    private const string Result = "layerskip_probe_result";

    private static readonly JsonElement s_tool = JsonElement.Parse(
        """{"type": "function", "function": {"name": "layerskip_probe_tool", "description": "", "parameters": {"type": "object", "properties": {}}}}""");

    public static ToolTemplateSupport Probe(ChatTemplate template)
    {
        TemplateMessage user = new() { Role = TemplateRoles.User, Content = "question" };
        TemplateMessage call = new()
        {
            Role = TemplateRoles.Assistant,
            ToolCalls = [new TemplateToolCall(Tool, JsonElement.Parse("""{"key": "value"}"""), "123456789")],
        };
        TemplateMessage result = new() { Role = TemplateRoles.Tool, Content = Result, ToolCallId = "123456789", Name = Tool };
        if (Render(template, [user, call, result], tools: []) is not { } text
            || !text.Contains(Tool, StringComparison.Ordinal) || !text.Contains(Result, StringComparison.Ordinal))
        {
            return new(null, RendersCalls: false);
        }

        var declares = Render(template, [user], [s_tool])?.Contains(Tool, StringComparison.Ordinal) == true;
        return new(declares ? FormatOf(text) : null, RendersCalls: true);
    }

    private static ToolCallFormat? FormatOf(string text)
    {
        foreach (var format in (ReadOnlySpan<ToolCallFormat>)[ToolCallFormat.Hermes, ToolCallFormat.Llama3Json])
        {
            var syntax = ToolCallSyntax.Of(format);
            var call = text.IndexOf(syntax.Head(Tool), StringComparison.Ordinal);
            if (call >= 0 && (syntax.Opening is null || text[..call].TrimEnd().EndsWith(syntax.Opening, StringComparison.Ordinal)))
            {
                return format;
            }
        }

        return null;
    }

    private static string? Render(ChatTemplate template, IReadOnlyList<TemplateMessage> messages, IReadOnlyList<JsonElement> tools)
    {
        try
        {
            return template.Render(new ChatTemplateContext { Messages = messages, Tools = tools, AddGenerationPrompt = false }).Text;
        }
        catch (ChatTemplateException)
        {
            return null;
        }
    }
}
