using LayerSkip.Engine.Constraints;

namespace LayerSkip.Parsing.Grounding;

/// <summary>Before the root.</summary>
/// <param name="Spoken">The utterance.</param>
/// <param name="MayIndent">Whether a space may come.</param>
internal sealed record StartState(SpokenText Spoken, bool MayIndent) : GroundedState(Spoken, 0)
{
    public override int MinBytes => 1 + Root.MinBytes;

    public override ByteSet NextBytes => ByteSet.Of(Open) | If(MayIndent, Space);

    private LabelState Root => new(Spoken, 0, Place: 0, Read: 0);

    public override TextState After(byte value) => value == Space ? this with { MayIndent = false } : Root;
}
