using LayerSkip.AI.ChatTemplates.Jinja;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.AI.ChatTemplates;

/// <summary>A template as it stands in a checkpoint.</summary>
/// <param name="Text">The template.</param>
/// <param name="Place">The file, and the field in it.</param>
internal sealed record ChatTemplateSource(string Text, string Place)
{
    public JinjaTemplate Parse()
    {
        try
        {
            return JinjaTemplate.Parse(Text, JinjaLimits.Default);
        }
        catch (ChatTemplateException exception)
        {
            throw new CheckpointException($"{Place} is not a valid chat template. {exception.Message}", exception);
        }
    }
}
