using System.Text.Json;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.Tests;

namespace LayerSkip.AI.Tests.ChatTemplates;

/// <summary>What a template sees of the messages, tools and variables it is given.</summary>
public class ChatTemplateContextTests
{
    [Fact]
    public void Message_fields_stand_under_the_names_templates_use()
    {
        using var arguments = JsonDocument.Parse("""{"city": "Ghent", "days": 2}""");
        var prompt = Render(
            "{{ messages | tojson }}",
            new TemplateMessage { Role = "assistant", Reasoning = "hm", ToolCalls = [new TemplateToolCall("weather", arguments.RootElement, "c1")] },
            new TemplateMessage { Role = "tool", Content = "rain", ToolCallId = "c1", Name = "weather" });

        Assert.Equal(
            """[{"role": "assistant", "content": null, "reasoning_content": "hm", "tool_calls": [{"type": "function", "id": "c1", "function": {"name": "weather", "arguments": {"city": "Ghent", "days": 2}}}]}, """
            + """{"role": "tool", "content": "rain", "tool_call_id": "c1", "name": "weather"}]""",
            prompt);
    }

    [Fact]
    public void Missing_content_is_empty_and_absent_fields_are_absent() =>
        Assert.Equal("[]FalseFalse", Render("[{{ messages[0].content }}]{{ 'tool_calls' in messages[0] }}{{ messages[0].name is defined }}", new TemplateMessage { Role = "user" }));

    [Fact]
    public void Fields_add_to_and_replace_the_others() =>
        Assert.Equal("bx", Render("{{ messages[0].content }}{{ messages[0].extra }}", new TemplateMessage
        {
            Role = "user",
            Content = "a",
            Fields = new Dictionary<string, TemplateValue> { ["content"] = TemplateValue.FromText("b"), ["extra"] = TemplateValue.FromText("x") },
        }));

    [Fact]
    public void Json_message_keeps_every_field()
    {
        using var json = JsonDocument.Parse("""{"role": "user", "content": [{"type": "text", "text": "Hi"}], "weight": 1.0, "big": 18446744073709551616}""");

        Assert.Equal("user|Hi|1.0|18446744073709551616", Render(
            "{{ messages[0].role }}|{{ messages[0].content[0].text }}|{{ messages[0].weight }}|{{ messages[0].big }}", TemplateMessage.FromJson(json.RootElement)));
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"role": 1}""")]
    public void Json_that_is_no_message_is_refused(string text)
    {
        using var json = JsonDocument.Parse(text);

        Assert.Throws<ArgumentException>(() => TemplateMessage.FromJson(json.RootElement));
    }

    [Fact]
    public void Json_of_hostile_depth_or_text_is_refused()
    {
        var deep = new string('[', 5000) + new string(']', 5000);
        using var nested = JsonDocument.Parse(deep, new JsonDocumentOptions { MaxDepth = 10_000 });
        using var surrogate = JsonDocument.Parse("""["\ud800"]""");
        using var name = JsonDocument.Parse("""{"\ud800": 1}""");
        using var digits = JsonDocument.Parse(new string('9', 5000));

        Assert.Throws<ArgumentException>(() => TemplateValue.FromJson(nested.RootElement));
        Assert.Throws<ArgumentException>(() => TemplateValue.FromJson(surrogate.RootElement));
        Assert.Throws<ArgumentException>(() => TemplateValue.FromJson(name.RootElement));
        Assert.Throws<ArgumentException>(() => TemplateValue.FromJson(digits.RootElement));
        Assert.Throws<ArgumentException>(() => TemplateValue.FromJson(default));
    }

    [Fact]
    public void Tools_are_none_where_there_are_none_and_variables_win()
    {
        var template = ChatTemplate.Parse("{{ tools is none }}{{ documents is none }}{{ add_generation_prompt }}{{ bos_token }}{{ eos_token is defined }}");

        var prompt = template.Render(new ChatTemplateContext
        {
            Messages = [],
            SpecialTokens = new Dictionary<string, string> { ["bos_token"] = "<s>" },
            Variables = new Dictionary<string, TemplateValue> { ["bos_token"] = TemplateValue.FromText("mine") },
        });

        Assert.Equal("TrueTrueTruemineFalse", prompt.Text);
    }

    [Fact]
    public void Default_template_writes_a_line_a_message()
    {
        var prompt = ChatTemplate.Default.Render(new ChatTemplateContext
        {
            Messages = [new() { Role = "user", Content = "Hi" }, new() { Role = "assistant", Content = "Hello" }, new() { Role = "user", Content = "Bye" }],
        });

        Assert.Equal("user: Hi\nassistant: Hello\nuser: Bye\nassistant:", prompt.Text);
    }

    [Fact]
    public void Embedded_parser_prompt_has_one_and_several_turns()
    {
        var template = ChatTemplate.LoadFrom(Path.Combine(SharedData.RepositoryRoot, "models", "topv2-parser"))!;

        var one = template.Render(new ChatTemplateContext { Messages = [new() { Role = "user", Content = " wake me at 7 <|end|>" }] });
        var several = template.Render(new ChatTemplateContext
        {
            Messages =
            [
                new() { Role = "user", Content = "wake me at 7" },
                new() { Role = "assistant", Content = "[IN:CREATE_ALARM ]" },
                new() { Role = "user", Content = "and at 8" },
            ],
        });

        Assert.Equal("<|begin|><|user|> wake me at 7 <|end|><|assistant|>", one.Text);
        Assert.Equal(
            [("<|begin|><|user|> ", PromptOrigin.Template), ("wake me at 7 <|end|>", PromptOrigin.Outside), ("<|assistant|>", PromptOrigin.Template)],
            one.Segments());
        Assert.Equal("<|begin|><|user|> wake me at 7<|assistant|> [IN:CREATE_ALARM ]<|end|><|user|> and at 8<|assistant|>", several.Text);
        Assert.Contains(("[IN:CREATE_ALARM ]", PromptOrigin.Assistant), several.Segments());
        Assert.Equal("<|begin|>", template.SpecialTokens["bos_token"]);
    }

    [Fact]
    public void Last_of_a_contexts_fields_of_one_name_counts()
    {
        var many = string.Concat(Enumerable.Range(0, 100_000).Select(i => $"\"v{i}\": {i}, "));
        using var json = JsonDocument.Parse($$"""{"messages": [], {{many}} "v7": "last"}""");

        var prompt = ChatTemplate.Parse("{{ v7 }} {{ v99999 }}").Render(ChatTemplateContext.FromJson(json.RootElement));

        Assert.Equal("last 99999", prompt.Text);
    }

    private static string Render(string template, params TemplateMessage[] messages) =>
        ChatTemplate.Parse(template).Render(new ChatTemplateContext { Messages = messages }).Text;
}
