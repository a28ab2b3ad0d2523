using LayerSkip.Engine.Constraints;

namespace LayerSkip.Parsing.Grounding;

/// <summary>Behind a closing bracket.</summary>
/// <param name="Language">The utterance and the labels.</param>
/// <param name="Depth">The bracket that has been closed: behind the root's the frame ends.</param>
/// <param name="Place">Behind its last word: nothing before can follow any more.</param>
internal sealed record ClosedState(GroundedLanguage Language, int Depth, int Place) : GroundedState(Language, Depth)
{
    public override int MinBytes => 2 * Depth;

    public override ByteSet NextBytes => If(Depth > 0, Space);

    public override TextState After(byte value) => new InsideState(Language, Depth - 1, Place, IsEmpty: false);
}
