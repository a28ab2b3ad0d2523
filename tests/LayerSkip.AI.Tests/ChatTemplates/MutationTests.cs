using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.ChatTemplates.Jinja;
using LayerSkip.Tests;

namespace LayerSkip.AI.Tests.ChatTemplates;

/// <summary>Damaged templates render, or are refused; nothing else ever comes out of them.</summary>
public class MutationTests
{
    private static readonly string[] s_fragments =
    [
        "{{", "}}", "{%", "%}", "{#", "#}", "-", "+", "|", "(", ")", "[", "]", "{", "}", "'", "\"", "\\", "\n", ".", ",", ":", "=", "~",
        " if ", " else ", " for x in messages ", " in ", " not ", " is ", "{% endif %}", "{% endfor %}", "{% for m in messages %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", " * 10**9", "[::-1]", "loop.index", "messages", "|tojson", "range(10**7)",
        "{% set messages = messages + messages %}", "é", "😀", "\ud800", "\0",
    ];

    [Fact]
    public void Mutated_templates_render_or_are_refused()
    {
        var corpus = SharedData.RequireJson("chat-templates/rendered.json");
        var templates = corpus.EnumerateArray().Select(entry => entry.GetProperty("template").GetString()!).Distinct().ToArray();
        var context = ChatTemplateContext.FromJson(corpus[19].GetProperty("context"));
        var limits = new JinjaLimits { Steps = 50_000 };
        var random = new Random(20240726);
        var (rendered, refused) = (0, 0);

        for (var round = 0; round < 3000; round++)
        {
            var template = Mutate(templates[random.Next(templates.Length)], random);
            try
            {
                var prompt = ChatTemplate.Parse(template).Render(context, limits);
                Assert.Equal(prompt.Text.Length, prompt.Segments.Sum(segment => segment.Length));
                rendered++;
            }
            catch (ChatTemplateException)
            {
                refused++;
            }
        }

        Assert.True(rendered > 300 && refused > 300, $"{rendered} rendered, {refused} refused: the mutations test too little");
    }

    private static string Mutate(string template, Random random)
    {
        for (var change = random.Next(1, 4); change > 0; change--)
        {
            var start = random.Next(template.Length);
            var end = Math.Min(template.Length, start + random.Next(12));
            template = random.Next(3) switch
            {
                0 => template.Remove(start, end - start),
                1 => template.Insert(start, s_fragments[random.Next(s_fragments.Length)]),
                _ => template.Insert(start, template[random.Next(start + 1)..end]),
            };
            if (template.Length == 0)
            {
                return template;
            }
        }

        return template;
    }
}
