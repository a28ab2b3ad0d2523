using LayerSkip.AI.ChatTemplates;
using LayerSkip.Engine;
using LayerSkip.Engine.Scheduling;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Tests;

/// <summary>Reasoning options reach the template, and reasoning is told from the answer.</summary>
public class ReasoningTests
{
    // Qwen 3's way: thinking is switched off by an empty thought that the template itself writes.
    private const string Switched = """
        {% for m in messages %}<|im_start|>{{ m.role }}
        {{ m.content.split('</think>')[-1] }}<|im_end|>
        {% endfor %}<|im_start|>assistant
        {% if enable_thinking is defined and enable_thinking is false %}<think>

        </think>

        {% endif %}
        """;

    private const string Begun = "{% for m in messages %}<|im_start|>{{ m.content.split('</think>')[-1] }}{% endfor %}<|im_start|>assistant\n<think>\n";
    private const string Levelled = "{{ reasoning_effort | default('none given') }}{% for m in messages %}{{ m.content }}{% endfor %}";

    [Fact]
    public async Task Reasoning_comes_as_its_own_content_and_is_counted()
    {
        using var client = Client(Switched, _ => "<think>\nhm\n</think>\n\nyes");

        var response = await client.GetResponseAsync(TestModels.User("x"));
        var updates = await client.Updates("x");

        Assert.Equal("hm", Assert.IsType<TextReasoningContent>(response.Messages[0].Contents[0]).Text);
        Assert.Equal("yes", Assert.IsType<TextContent>(response.Messages[0].Contents[1]).Text);
        Assert.Equal("yes", response.Text);

        // A token a byte, and one for the end.
        Assert.Equal(("<think>\nhm\n</think>\n\nyes".Length + 1, "\nhm\n</think>".Length + 1), (response.Usage!.OutputTokenCount, response.Usage.ReasoningTokenCount));
        Assert.Equal(response.Text, updates.ToChatResponse().Text);
    }

    [Theory]
    [InlineData(null, "<|im_start|>assistant\n")]
    [InlineData(ReasoningEffort.High, "<|im_start|>assistant\n")]
    [InlineData(ReasoningEffort.None, "<think>\n\n</think>\n\n")]
    public async Task Effort_sets_the_templates_switch(ReasoningEffort? effort, string promptEnd)
    {
        string? prompt = null;
        using var client = Client(Switched, text => (prompt = text, "yes").Item2);

        var response = await client.GetResponseAsync(TestModels.User("x"), new ChatOptions { Reasoning = new() { Effort = effort } });

        Assert.EndsWith(promptEnd, prompt);
        Assert.Equal("yes", response.Text);
        Assert.Equal(0, response.Usage!.ReasoningTokenCount);
    }

    [Theory]
    [InlineData(null, "none given")]
    [InlineData(ReasoningEffort.Low, "low")]
    [InlineData(ReasoningEffort.Medium, "medium")]
    [InlineData(ReasoningEffort.ExtraHigh, "high")]
    public async Task Effort_is_told_by_name(ReasoningEffort? effort, string name)
    {
        string? prompt = null;
        using var client = Client(Levelled, text => (prompt = text, "yes").Item2, UnsupportedOptionBehavior.Throw);

        var response = await client.GetResponseAsync(TestModels.User("x"), new ChatOptions { Reasoning = new() { Effort = effort } });

        Assert.StartsWith(name, prompt);
        Assert.Null(response.Usage!.ReasoningTokenCount);
    }

    [Fact]
    public async Task Reasoning_that_the_prompt_begins_is_known_by_its_end()
    {
        using var client = Client(Begun, _ => "hm\n</think>\nyes");

        var response = await client.GetResponseAsync(TestModels.User("x"));

        Assert.Equal("hm", Assert.IsType<TextReasoningContent>(response.Messages[0].Contents[0]).Text);
        Assert.Equal("yes", response.Text);
    }

    [Fact]
    public async Task Users_cannot_begin_it()
    {
        using var client = Client("{% for m in messages %}{{ m.content }}{% endfor %}{# </think> #}", _ => "yes");
        Assert.Equal("yes", await client.Answer("<think>"));
    }

    [Fact]
    public async Task Output_none_drops_it()
    {
        using var client = Client(Switched, _ => "<think>hm</think>yes");

        var response = await client.GetResponseAsync(
            TestModels.User("x"), new ChatOptions { Reasoning = new() { Output = ReasoningOutput.None } });

        Assert.Equal("yes", Assert.IsType<TextContent>(Assert.Single(response.Messages[0].Contents)).Text);
        Assert.NotEqual(0, response.Usage!.ReasoningTokenCount);
    }

    [Fact]
    public async Task Calls_come_behind_it_and_required_ones_without_it()
    {
        const string Call = "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>";
        var tools = new ChatOptions { Tools = [AIFunctionFactory.Create(() => "noon", "now")] };
        using var client = Client(Switched, _ => "<think>\nhm\n</think>\n\n" + Call);

        var contents = (await client.GetResponseAsync(TestModels.User("x"), tools)).Messages[0].Contents;
        tools.ToolMode = ChatToolMode.RequireAny;
        var required = (await client.GetResponseAsync(TestModels.User("x"), tools)).Messages[0].Contents;

        Assert.Equal("hm", Assert.IsType<TextReasoningContent>(contents[0]).Text);
        Assert.Equal("now", Assert.IsType<FunctionCallContent>(contents[1]).Name);
        Assert.Equal("now", Assert.IsType<FunctionCallContent>(Assert.Single(required)).Name);
    }

    [Theory]
    [InlineData(ToolCallFormat.Plain, Switched, "<think>\n")]
    [InlineData(ToolCallFormat.Plain, Switched, " \n<think>")]
    [InlineData(ToolCallFormat.Plain, Begun, "")]
    [InlineData(ToolCallFormat.Llama3Json, Switched, "<think>\n")]
    [InlineData(ToolCallFormat.Llama3Json, Begun, "")]
    public async Task Marks_in_it_mean_nothing_and_calls_behind_it_are_held_to_their_schema(ToolCallFormat format, string template, string begin)
    {
        const string Thought = "I could <tool_call>\n{\"name\": \"now\"} or {\"name\": \"none\"}.";
        foreach (var mode in (ChatToolMode[])[ChatToolMode.Auto, ChatToolMode.RequireAny])
        {
            foreach (var days in (string[])["3", "\"many\""])
            {
                var call = format == ToolCallFormat.Llama3Json
                    ? $$$"""{"name": "now", "parameters": {"days": {{{days}}}} }"""
                    : $$$"""<tool_call>{{{"\n"}}}{"name": "now", "arguments": {"days": {{{days}}}} }{{{"\n"}}}</tool_call>""";
                using var client = Client(template, _ => begin + Thought + "\n</think>\n\n" + call.Replace("} }", "}}"), toolCallFormat: format);
                var options = new ChatOptions
                {
                    Tools = [AIFunctionFactory.Create((int days) => "noon", "now")],
                    ToolMode = mode,
                    Reasoning = new() { Effort = template == Switched ? ReasoningEffort.Medium : null },
                    MaxOutputTokens = 1000,
                };
                var contents = (await client.GetResponseAsync(TestModels.User("x"), options)).Messages[0].Contents;

                Assert.Equal(Thought, Assert.IsType<TextReasoningContent>(contents[0]).Text);
                var made = Assert.IsType<FunctionCallContent>(contents[1]);
                Assert.Equal("now", made.Name);
                var number = Assert.IsType<System.Text.Json.JsonElement>(made.Arguments!["days"]);
                Assert.True(days == "3" ? number.GetInt32() == 3 : number.ValueKind == System.Text.Json.JsonValueKind.Number);
            }
        }
    }

    [Theory]
    [InlineData(ToolCallFormat.Plain)]
    [InlineData(ToolCallFormat.Llama3Json)]
    public async Task Answer_behind_it_may_be_text(ToolCallFormat format)
    {
        var tools = new ChatOptions { Tools = [AIFunctionFactory.Create(() => "noon", "now")] };
        foreach (var (template, written) in new[] { (Switched, "<think>hm</think>\nyes, {so}"), (Begun, "hm</think>\n\nyes, {so}"), (Switched, "yes, {so}"), (Begun, "hm") })
        {
            using var client = Client(template, _ => written, toolCallFormat: format);
            var response = await client.GetResponseAsync(TestModels.User("x"), tools);

            Assert.Equal(written == "hm" ? string.Empty : "yes, {so}", response.Text);
            Assert.Equal(written.Contains("hm", StringComparison.Ordinal), response.Messages[0].Contents[0] is TextReasoningContent { Text: "hm" });
            Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        }
    }

    [Fact]
    public async Task Json_comes_behind_what_the_prompt_begins_and_without_it_otherwise()
    {
        var json = new ChatOptions { ResponseFormat = ChatResponseFormat.Json };
        using var begun = Client(Begun, _ => "hm {\n</think>\n\n{\"a\": 1}");
        using var free = Client(Switched, _ => "<think>hm</think>{\"a\": 1}");

        var contents = (await begun.GetResponseAsync(TestModels.User("x"), json)).Messages[0].Contents;
        Assert.Equal("hm {", Assert.IsType<TextReasoningContent>(contents[0]).Text);
        Assert.Equal("{\"a\":1}", Assert.IsType<TextContent>(contents[1]).Text);
        json.MaxOutputTokens = 50;
        Assert.DoesNotContain((await free.GetResponseAsync(TestModels.User("x"), json)).Messages[0].Contents, content => content is TextReasoningContent);
    }

    [Fact]
    public async Task Template_without_marks_leaves_answers_alone()
    {
        using var client = Client(Levelled, _ => "<think>hm</think>yes");
        Assert.Equal("<think>hm</think>yes", await client.Answer("x"));
    }

    [Theory]
    [InlineData("{% if thinking is defined and thinking %}on{% endif %}:{{ messages[0].content }}")]
    [InlineData("{%- if not thinking %}{% else %}on{% endif %}:{{ messages[0].content }}")]
    public async Task Effort_sets_the_switch_by_its_short_name(string template)
    {
        var prompts = new List<string>();
        using var client = Client(template, text =>
        {
            prompts.Add(text);
            return "yes";
        }, UnsupportedOptionBehavior.Throw);
        foreach (var effort in (ReasoningEffort[])[ReasoningEffort.High, ReasoningEffort.None])
        {
            await client.GetResponseAsync(TestModels.User("x"), new ChatOptions { Reasoning = new() { Effort = effort } });
        }

        Assert.Equal(["on:x", ":x"], prompts);
    }

    [Fact]
    public void Effort_that_the_template_does_not_know_is_told()
    {
        using var client = Client("{{ messages[0].content }}", _ => "yes", UnsupportedOptionBehavior.Throw);
        var error = Assert.Throws<NotSupportedException>(
            () => client.GetStreamingResponseAsync(TestModels.User("x"), new ChatOptions { Reasoning = new() { Effort = ReasoningEffort.Low } }));
        Assert.Contains("ChatOptions.Reasoning.Effort Low", error.Message);
    }

    private static LayerSkipChatClient Client(
        string template,
        Func<string, string> answer,
        UnsupportedOptionBehavior unsupported = UnsupportedOptionBehavior.Warn,
        ToolCallFormat? toolCallFormat = null) => new(
        new LayerSkipEngine(ScriptedModel.Create(answer), ownsModel: true),
        ChatTemplate.Parse(template),
        new LayerSkipOptions { UnsupportedOptions = unsupported, ToolCallFormat = toolCallFormat },
        ownsEngine: true);
}
