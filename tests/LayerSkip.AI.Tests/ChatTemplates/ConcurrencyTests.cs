using LayerSkip.AI.ChatTemplates;

namespace LayerSkip.AI.Tests.ChatTemplates;

public class ConcurrencyTests
{
    [Fact]
    public void One_template_and_one_context_value_render_on_many_threads()
    {
        var template = ChatTemplate.Parse(
            "{% set ns = namespace(n=0) %}{% macro m(x) %}<{{ x }}>{% endmacro %}{% for i in range(50) %}{% set ns.n = ns.n + i %}{{ m(i) }}{{ messages[0].content[i] }}{% endfor %}{{ ns.n }}");
        var messages = new[] { new TemplateMessage { Role = "user", Content = string.Concat(Enumerable.Repeat("😀a", 30)) } };
        var shared = TemplateValue.FromList(messages.Select(message => message.ToValue()));
        var expected = Render().Text;

        var prompts = new string[200];
        Parallel.For(0, prompts.Length, i => prompts[i] = Render().Text);

        Assert.All(prompts, prompt => Assert.Equal(expected, prompt));

        RenderedPrompt Render() => template.Render(new ChatTemplateContext
        {
            Messages = [],
            Variables = new Dictionary<string, TemplateValue> { ["messages"] = shared },
        });
    }
}
