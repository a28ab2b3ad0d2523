using LayerSkip.Engine.Constraints;

namespace LayerSkip.Parsing.Grounding;

/// <summary>In a bracket, behind its label or a bracket that has been closed in it, and a space: words may be passed over here.</summary>
/// <param name="Language">The utterance and the labels.</param>
/// <param name="Depth">The bracket.</param>
/// <param name="Place">What comes next is taken from here on.</param>
/// <param name="IsEmpty">Whether the bracket holds nothing yet.</param>
internal sealed record InsideState(GroundedLanguage Language, int Depth, int Place, bool IsEmpty) : GroundedState(Language, Depth)
{
    // [IN:A ] and the space behind it: brackets and spaces of it.
    private const int AroundLabel = 4;

    // An empty slot has words before it, or it would not have been opened.
    public override int MinBytes => ClosingBytes + (MayClose ? 0 : Math.Min(Spoken.ShortestFrom(Place) + 1, MayOpen(Place) ? LabelsAt(Depth + 1).MinBytes + AroundLabel : int.MaxValue));

    public override ByteSet NextBytes => If(MayOpen(Place), Open) | If(MayClose, Close) | (IsSlot ? Spoken.BytesAt(Spoken.WordsFrom(Place)) : ByteSet.None);

    private bool MayClose => !IsSlot || !IsEmpty;

    public override TextState After(byte value) => value switch
    {
        Open => new LabelState(Language, Depth + 1, Place, LabelsAt(Depth + 1)),

        // A nested intent without words stands for a word that it does not tell.
        Close => new ClosedState(Language, Depth, IsEmpty && Depth > 0 ? Spoken.BehindWord(Place) : Place),
        _ => new WordState(Language, Depth, Spoken.Behind(Spoken.WordsFrom(Place), value)),
    };
}
