using LayerSkip.Engine.Constraints;

namespace LayerSkip.Parsing.Grounding;

/// <summary>In a word of a slot, or behind its last byte.</summary>
/// <param name="Language">The utterance and the labels.</param>
/// <param name="Depth">The slot.</param>
/// <param name="Places">Behind the bytes that have been written.</param>
internal sealed record WordState(GroundedLanguage Language, int Depth, Places Places) : GroundedState(Language, Depth)
{
    public override int MinBytes => Spoken.ToWordsEnd(Places.Values) + 1 + ClosingBytes;

    public override ByteSet NextBytes => If(Spoken.ToWordsEnd(Places.Values) == 0, Space) | Spoken.BytesAt(Spoken.Continuations(Places.Values).Values);

    public override TextState After(byte value) => value == Space
        ? new BetweenState(Language, Depth, Spoken.Beginnings(Places.Values))
        : new WordState(Language, Depth, Spoken.Behind(Spoken.Continuations(Places.Values).Values, value));
}
