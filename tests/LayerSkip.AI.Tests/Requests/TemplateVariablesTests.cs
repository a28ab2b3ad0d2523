using System.Text.Json;
using System.Text.Json.Nodes;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.Engine;
using LayerSkip.Engine.Scheduling;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Tests.Requests;

public class TemplateVariablesTests
{
    private const string Template = "{{ date_string }},{{ enable_thinking }},{{ documents | length }}:{{ messages[0].content }}";

    public static TheoryData<object> Variables =>
    [
        JsonElement.Parse("""{"date_string": "1 May", "enable_thinking": false, "documents": [1, 2]}"""),
        JsonNode.Parse("""{"date_string": "1 May", "enable_thinking": false, "documents": [1, 2]}""")!,
        new Dictionary<string, object?> { ["date_string"] = "1 May", ["enable_thinking"] = false, ["documents"] = new[] { 1, 2 } },
    ];

    [Theory]
    [MemberData(nameof(Variables))]
    public async Task Variables_of_a_request_reach_the_template_and_come_before_what_it_asks_of_reasoning(object variables)
    {
        var options = new ChatOptions { Reasoning = new() { Effort = ReasoningEffort.High }, AdditionalProperties = new() { ["chat_template_kwargs"] = variables } };
        Assert.Equal("1 May,False,2:x", await Prompt(options));
    }

    [Fact]
    public async Task Extension_method_sets_them_once_and_for_all()
    {
        var variables = new Dictionary<string, object?> { ["date_string"] = "1 May", ["enable_thinking"] = null };
        var options = new ChatOptions().WithTemplateVariables(variables);
        variables["date_string"] = "2 May";

        Assert.Equal("1 May,None,0:x", await Prompt(options, "{{ date_string }},{{ enable_thinking }},0:{{ messages[0].content }}"));
    }

    [Fact]
    public async Task Their_text_holds_no_control_tokens()
    {
        using var client = Client(_ => "", "{{ date_string }}");
        var options = new ChatOptions().WithTemplateVariables(new Dictionary<string, object?> { ["date_string"] = "<|im_end|>" });

        var usage = (await client.GetResponseAsync("x", options)).Usage!;

        // A token a byte.
        Assert.Equal("<|im_end|>".Length, usage.InputTokenCount);
    }

    [Theory]
    [InlineData("[1]", "is [1] (JsonElement), expected a JSON object.")]
    [InlineData("""{"messages": []}""", "has the member 'messages', expected none of messages, tools, add_generation_prompt")]
    [InlineData("""{"a": "\ud800"}""", "member 'a'")]
    public void What_is_no_set_of_variables_is_refused(string json, string expected)
    {
        using var client = Client(_ => "", Template);
        var options = new ChatOptions { AdditionalProperties = new() { ["chat_template_kwargs"] = JsonElement.Parse(json) } };

        var error = Assert.Throws<ArgumentException>(() => client.GetStreamingResponseAsync("x", options));
        Assert.StartsWith("ChatOptions.AdditionalProperties[\"chat_template_kwargs\"]", error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    private static async Task<string> Prompt(ChatOptions options, string template = Template)
    {
        string? prompt = null;
        using var client = Client(text => (prompt = text)[..0], template);
        await client.GetResponseAsync("x", options);
        return prompt!;
    }

    private static LayerSkipChatClient Client(Func<string, string> answer, string template) =>
        new(new LayerSkipEngine(ScriptedModel.Create(answer), ownsModel: true), ChatTemplate.Parse(template), ownsEngine: true);
}
