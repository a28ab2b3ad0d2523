using System.Text;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Requests;

namespace LayerSkip.AI.Tools;

/// <summary>Tells a model of tools in plain messages, for templates that do not.</summary>
internal static class ToolPrompt
{
    /// <summary>A conversation in which tools, calls and results are text. All of it is from outside, so no control token comes of it.</summary>
    public static List<TemplateMessage> Write(IReadOnlyList<TemplateMessage> messages, IReadOnlyList<ToolDeclaration> tools, ToolCallSyntax syntax)
    {
        var turns = new List<TemplateMessage>();
        foreach (var message in messages)
        {
            turns.Add(
                message.ToolCalls.Count > 0 ? Call(message, syntax)
                : message.Role == TemplateRoles.Tool ? Result(message)
                : message);
        }

        if (tools.Count > 0)
        {
            var description = new TemplateMessage { Role = TemplateRoles.System, Content = Describe(tools, syntax) };
            if (turns is [{ Role: TemplateRoles.System } first, ..])
            {
                turns[0] = Turns.Join(first, description);
            }
            else
            {
                turns.Insert(0, description);
            }
        }

        return turns;
    }

    private static string Describe(IReadOnlyList<ToolDeclaration> tools, ToolCallSyntax syntax)
    {
        var text = new StringBuilder("# Tools\n\nYou may call functions. Their signatures:\n");
        foreach (var tool in tools)
        {
            text.Append(tool.Json.GetRawText()).Append('\n');
        }

        return text.Append($"\nTo call a function, answer in this format, {(syntax.IsList ? "all calls in one list" : "once for each call")}, with its name and its arguments:\n")
            .Append(syntax.Before).Append("{\"name\": \"function name\", \"").Append(syntax.ArgumentsName).Append("\": {\"argument name\": value}}")
            .Append(syntax.After)
            .Append("\n\nThe results come in <tool_response></tool_response>. Where no function is of use, answer in plain text.")
            .ToString();
    }

    private static TemplateMessage Call(TemplateMessage message, ToolCallSyntax syntax)
    {
        var calls = syntax.Write(message.ToolCalls);
        return new()
        {
            Role = message.Role,
            Content = string.IsNullOrEmpty(message.Content) ? calls : message.Content + "\n" + calls,
            ContentOrigin = PromptOrigin.Outside,
            Reasoning = message.Reasoning,
            Name = message.Name,
        };
    }

    private static TemplateMessage Result(TemplateMessage message) => new()
    {
        Role = TemplateRoles.User,
        Content = $"<tool_response>\n{message.Content}\n</tool_response>",
    };
}
