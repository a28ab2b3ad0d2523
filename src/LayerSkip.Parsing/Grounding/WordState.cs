using LayerSkip.Engine.Constraints;

namespace LayerSkip.Parsing.Grounding;

/// <summary>In a word of a slot, or behind its last byte.</summary>
/// <param name="Spoken">The utterance.</param>
/// <param name="Depth">The slot.</param>
/// <param name="Places">Behind the bytes that have been written.</param>
internal sealed record WordState(SpokenText Spoken, int Depth, Places Places) : GroundedState(Spoken, Depth)
{
    public override int MinBytes => Places.Values.Min(place => Spoken.Begins(place) ? 0 : Spoken.BehindWord(place) - place) + 1 + ClosingBytes;

    public override IReadOnlyCollection<byte> NextBytes =>
    [
        .. Places.Values.Any(Spoken.Begins) ? (byte[])[Space] : [],
        .. Places.Values.Where(Spoken.GoesOn).Select(place => Spoken[place]).Distinct(),
    ];

    public override TextState After(byte value) => value == Space
        ? new BetweenState(Spoken, Depth, new Places([.. Places.Values.Where(Spoken.Begins)]))
        : Word(Places.Values.Where(Spoken.GoesOn), value);
}
