using LayerSkip.Engine.Constraints;

namespace LayerSkip.Parsing.Grounding;

/// <summary>In a slot, behind a word and a space: the next word is the utterance's next.</summary>
/// <param name="Language">The utterance and the labels.</param>
/// <param name="Depth">The slot.</param>
/// <param name="Places">Behind the word: where the next may begin, or the utterance ends.</param>
internal sealed record BetweenState(GroundedLanguage Language, int Depth, Places Places) : GroundedState(Language, Depth)
{
    public override int MinBytes => ClosingBytes;

    public override ByteSet NextBytes => If(MayOpen(Places.First), Open) | ByteSet.Of(Close) | Spoken.BytesAt(Places.Values);

    public override TextState After(byte value) => value switch
    {
        Open => new LabelState(Language, Depth + 1, Places.First, LabelsAt(Depth + 1)),
        Close => new ClosedState(Language, Depth, Places.First),
        _ => new WordState(Language, Depth, Spoken.Behind(Places.Values, value)),
    };
}
