using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Tools;

namespace LayerSkip.AI.Tests.Tools;

public class ToolTemplateSupportTests
{
    [Theory]
    [InlineData("Qwen/Qwen2.5-7B-Instruct", ToolCallFormat.Hermes, true)]
    [InlineData("meta-llama/Llama-3.1-8B-Instruct", ToolCallFormat.Llama3Json, true)]
    [InlineData("meta-llama/Llama-3.2-3B-Instruct", ToolCallFormat.Llama3Json, true)]
    [InlineData("HuggingFaceTB/SmolLM2-135M-Instruct", null, false)]
    [InlineData("zephyr/TinyLlama-1.1B-Chat style", null, false)]
    public void Format_of_published_templates_is_found(string name, ToolCallFormat? format, bool rendersCallsAlone) =>
        Assert.Equal(new ToolTemplateSupport(format, rendersCallsAlone), ToolTemplateSupport.Probe(ToolTemplates.Shared(name)));

    [Fact]
    public void Templates_of_other_formats_and_without_tools_have_none()
    {
        Assert.Equal(new(ToolCallFormat.Hermes, true), ToolTemplateSupport.Probe(ToolTemplates.Hermes));
        Assert.Equal(new(ToolCallFormat.Llama3Json, true), ToolTemplateSupport.Probe(ToolTemplates.Llama));
        Assert.Equal(new(ToolCallFormat.Mistral, true), ToolTemplateSupport.Probe(ToolTemplates.Mistral));
        Assert.Equal(new(ToolCallFormat.Mistral, true), ToolTemplateSupport.Probe(ToolTemplates.MistralNemo));
        Assert.Equal(new(null, false), ToolTemplateSupport.Probe(ToolTemplates.ChatMl));
        Assert.Equal(new(null, false), ToolTemplateSupport.Probe(ChatTemplate.Default));

        // Calls in a format that nobody reads.
        Assert.Equal(new(null, false), ToolTemplateSupport.Probe(ToolTemplates.OfItsOwn));
        Assert.Equal(new(null, false), ToolTemplateSupport.Probe(ChatTemplate.Parse("{{ raise_exception('no') }}")));
    }

    [Fact]
    public void Templates_for_tools_and_for_none_are_asked_each_for_itself() =>
        Assert.Equal(new(ToolCallFormat.Hermes, false), ToolTemplateSupport.Probe(ToolTemplates.HermesOfTwo));
}
