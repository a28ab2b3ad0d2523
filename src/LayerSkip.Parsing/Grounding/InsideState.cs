using LayerSkip.Engine.Constraints;

namespace LayerSkip.Parsing.Grounding;

/// <summary>In a bracket, behind its label or a bracket that has been closed in it, and a space: words may be passed over here.</summary>
/// <param name="Spoken">The utterance.</param>
/// <param name="Depth">The bracket.</param>
/// <param name="Place">What comes next is taken from here on.</param>
/// <param name="IsEmpty">Whether the bracket holds nothing yet.</param>
internal sealed record InsideState(SpokenText Spoken, int Depth, int Place, bool IsEmpty) : GroundedState(Spoken, Depth)
{
    // [IN:A ] and the space behind it.
    private const int ShortestIntent = 8;

    // An empty slot has words before it, or it would not have been opened.
    public override int MinBytes => ClosingBytes + (MayClose ? 0 : Math.Min(Spoken.ShortestFrom(Place) + 1, MayOpen(Place) ? ShortestIntent : int.MaxValue));

    public override ByteSet NextBytes => If(MayOpen(Place), Open) | If(MayClose, Close) | (IsSlot ? Spoken.BytesAt(Spoken.WordsFrom(Place)) : ByteSet.None);

    private bool MayClose => !IsSlot || !IsEmpty;

    public override TextState After(byte value) => value switch
    {
        Open => new LabelState(Spoken, Depth + 1, Place, Read: 0),

        // A nested intent without words stands for a word that it does not tell.
        Close => new ClosedState(Spoken, Depth, IsEmpty && Depth > 0 ? Spoken.BehindWord(Place) : Place),
        _ => new WordState(Spoken, Depth, Spoken.Behind(Spoken.WordsFrom(Place), value)),
    };
}
