using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Requests;

namespace LayerSkip.AI.Tests.Requests;

public class SystemMessageSupportTests
{
    private const string Everywhere = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}";

    private const string Nowhere = "{% for m in messages %}{% if m.role == 'user' %}[U]{{ m.content }}{% elif m.role == 'assistant' %}[A]{{ m.content }}{% endif %}{% endfor %}";

    private const string Refusing = "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}[{{ m.role }}]{{ m.content }}{% endfor %}";

    // Llama 2's way: one system message at the start, then strict alternation.
    private const string AtStart = """
        {% if messages[0]['role'] == 'system' %}[S]{{ messages[0]['content'] }}{% set rest = messages[1:] %}{% else %}{% set rest = messages %}{% endif -%}
        {% for m in rest %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif -%}
        [{{ m['role'] }}]{{ m['content'] }}{% endfor %}
        """;

    [Theory]
    [InlineData(Everywhere, "system:a|system:b|user:u|assistant:v|system:c|user:w")]
    [InlineData(Nowhere, "user:a\n\nb\n\nu|assistant:v|user:c\n\nw")]
    [InlineData(Refusing, "user:a\n\nb\n\nu|assistant:v|user:c\n\nw")]
    [InlineData(AtStart, "system:a\n\nb|user:u|assistant:v|user:c\n\nw")]
    public void System_messages_go_where_the_template_takes_them(string template, string expected)
    {
        var adapted = SystemMessageSupport.Probe(ChatTemplate.Parse(template)).Adapt(
        [
            RequestReading.Turn("system", "a"), RequestReading.Turn("system", "b"), RequestReading.Turn("user", "u"),
            RequestReading.Turn("assistant", "v"), RequestReading.Turn("system", "c"), RequestReading.Turn("user", "w"),
        ]);

        Assert.Equal(expected, adapted.Text());
    }

    [Theory]
    [InlineData(Nowhere, "user:a")]
    [InlineData(AtStart, "system:a")]
    public void System_message_alone_is_not_lost(string template, string expected) =>
        Assert.Equal(expected, SystemMessageSupport.Probe(ChatTemplate.Parse(template)).Adapt([RequestReading.Turn("system", "a")]).Text());

    [Fact]
    public void System_message_at_the_end_becomes_a_turn() =>
        Assert.Equal("user:u|assistant:v|user:a", SystemMessageSupport.Probe(ChatTemplate.Parse(Nowhere)).Adapt(
            [RequestReading.Turn("user", "u"), RequestReading.Turn("assistant", "v"), RequestReading.Turn("system", "a")]).Text());
}
