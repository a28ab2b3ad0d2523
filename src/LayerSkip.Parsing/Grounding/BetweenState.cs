using LayerSkip.Engine.Constraints;

namespace LayerSkip.Parsing.Grounding;

/// <summary>In a slot, behind a word and a space: the next word is the utterance's next.</summary>
/// <param name="Spoken">The utterance.</param>
/// <param name="Depth">The slot.</param>
/// <param name="Places">Behind the word: where the next may begin, or the utterance ends.</param>
internal sealed record BetweenState(SpokenText Spoken, int Depth, Places Places) : GroundedState(Spoken, Depth)
{
    public override int MinBytes => ClosingBytes;

    public override ByteSet NextBytes => If(MayOpen(Places.First), Open) | ByteSet.Of(Close) | Spoken.BytesAt(Places.Values);

    public override TextState After(byte value) => value switch
    {
        Open => new LabelState(Spoken, Depth + 1, Places.First, Read: 0),
        Close => new ClosedState(Spoken, Depth, Places.First),
        _ => new WordState(Spoken, Depth, Spoken.Behind(Places.Values, value)),
    };
}
