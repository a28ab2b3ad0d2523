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

    [Fact]
    public async Task Template_without_marks_leaves_answers_alone()
    {
        using var client = Client(Levelled, _ => "<think>hm</think>yes");
        Assert.Equal("<think>hm</think>yes", await client.Answer("x"));
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
        string template, Func<string, string> answer, UnsupportedOptionBehavior unsupported = UnsupportedOptionBehavior.Warn) => new(
        new LayerSkipEngine(ScriptedModel.Create(answer), ownsModel: true),
        ChatTemplate.Parse(template),
        new LayerSkipOptions { UnsupportedOptions = unsupported },
        ownsEngine: true);
}
