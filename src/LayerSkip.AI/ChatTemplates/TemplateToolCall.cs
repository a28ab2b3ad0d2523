using System.Text.Json;

namespace LayerSkip.AI.ChatTemplates;

/// <summary>A tool call inside an assistant message, all of it of <see cref="PromptOrigin.Outside"/>.</summary>
/// <remarks>A template sees <c>{"type": "function", "id": …, "function": {"name": …, "arguments": …}}</c>.</remarks>
/// <param name="Name">The tool's name.</param>
/// <param name="Arguments">The arguments, as a rule a JSON object; it must not be undefined.</param>
/// <param name="Id">The call's id, left out where null.</param>
public sealed record TemplateToolCall(string Name, JsonElement Arguments, string? Id = null)
{
    internal TemplateValue ToValue()
    {
        var call = new List<KeyValuePair<string, TemplateValue>> { new("type", TemplateValue.FromText("function")) };
        if (Id is not null)
        {
            call.Add(new("id", TemplateValue.FromText(Id)));
        }

        call.Add(new("function", TemplateValue.FromMap(
        [
            new("name", TemplateValue.FromText(Name)),
            new("arguments", TemplateValue.FromJson(Arguments)),
        ])));
        return TemplateValue.FromMap(call);
    }
}
