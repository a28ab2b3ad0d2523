using LayerSkip.Engine.Constraints;

namespace LayerSkip.Parsing.Grounding;

/// <summary>Before the root.</summary>
/// <param name="Language">The utterance and the labels.</param>
/// <param name="MayIndent">Whether a space may come.</param>
internal sealed record StartState(GroundedLanguage Language, bool MayIndent) : GroundedState(Language, 0)
{
    public override int MinBytes => 1 + Root.MinBytes;

    public override ByteSet NextBytes => ByteSet.Of(Open) | If(MayIndent, Space);

    // A token for a label may begin with the space itself.
    public override bool MayEndToken => MayIndent || !Language.Labels.AreTokens;

    private LabelState Root => new(Language, 0, Place: 0, LabelsAt(0));

    public override TextState After(byte value) => value == Space ? this with { MayIndent = false } : Root;
}
