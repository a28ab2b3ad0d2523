using LayerSkip.AI.ChatTemplates;
using LayerSkip.Tests;

namespace LayerSkip.AI.Tests.ChatTemplates;

/// <summary>Real checkpoints' templates against what another implementation renders from them.</summary>
public class RenderedCorpusTests
{
    public static TheoryData<int> Indices => [.. Enumerable.Range(0, 20)];

    [Theory]
    [MemberData(nameof(Indices))]
    public void Published_template_renders_byte_for_byte(int index)
    {
        var entry = SharedData.RequireJson("chat-templates/rendered.json")[index];

        var prompt = ChatTemplate.Parse(entry.GetProperty("template").GetString()!).Render(ChatTemplateContext.FromJson(entry.GetProperty("context")));

        Assert.Equal(entry.GetProperty("rendered").GetString(), prompt.Text);
        Assert.Equal(prompt.Text.Length, prompt.Segments.Sum(segment => segment.Length));
    }
}
