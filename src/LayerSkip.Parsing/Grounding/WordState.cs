using LayerSkip.Engine.Constraints;

namespace LayerSkip.Parsing.Grounding;

/// <summary>In a word of a slot, or behind its last byte.</summary>
/// <param name="Spoken">The utterance.</param>
/// <param name="Depth">The slot.</param>
/// <param name="Places">Behind the bytes that have been written.</param>
internal sealed record WordState(SpokenText Spoken, int Depth, Places Places) : GroundedState(Spoken, Depth)
{
    public override int MinBytes => Spoken.ToWordsEnd(Places.Values) + 1 + ClosingBytes;

    public override ByteSet NextBytes => If(Spoken.ToWordsEnd(Places.Values) == 0, Space) | Spoken.BytesAt(Spoken.Continuations(Places.Values).Values);

    public override TextState After(byte value) => value == Space
        ? new BetweenState(Spoken, Depth, Spoken.Beginnings(Places.Values))
        : new WordState(Spoken, Depth, Spoken.Behind(Spoken.Continuations(Places.Values).Values, value));
}
