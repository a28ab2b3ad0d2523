using LayerSkip.Engine.Constraints;

namespace LayerSkip.Parsing.Grounding;

/// <summary>Before the root.</summary>
/// <param name="Spoken">The utterance.</param>
/// <param name="MayIndent">Whether a space may come.</param>
internal sealed record StartState(SpokenText Spoken, bool MayIndent) : GroundedState(Spoken, 0)
{
    private static readonly byte[] s_indented = [Space, Open];
    private static readonly byte[] s_open = [Open];

    public override int MinBytes => 1 + Root.MinBytes;

    public override IReadOnlyCollection<byte> NextBytes => MayIndent ? s_indented : s_open;

    private LabelState Root => new(Spoken, 0, 0, Read: 0);

    public override TextState After(byte value) => value == Space ? this with { MayIndent = false } : Root;
}
