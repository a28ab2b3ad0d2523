using LayerSkip.Engine.Constraints;

namespace LayerSkip.Parsing.Grounding;

/// <summary>In a label, from behind its bracket on.</summary>
/// <param name="Language">The utterance and the labels.</param>
/// <param name="Depth">The bracket.</param>
/// <param name="Place">Where its words may begin.</param>
/// <param name="Label">What may be left of it.</param>
internal sealed record LabelState(GroundedLanguage Language, int Depth, int Place, LabelNode Label) : GroundedState(Language, Depth)
{
    public override int MinBytes => Label.MinBytes + 1 + Inside.MinBytes;

    public override ByteSet NextBytes => Label.NextBytes | If(Label.IsEnd, Space);

    // A label that is a token is written by that token.
    public override bool MayEndToken => Label.IsEnd || !Language.Labels.AreTokens;

    private InsideState Inside => new(Language, Depth, Place, IsEmpty: true);

    public override TextState After(byte value) => value == Space ? Inside : this with { Label = Label.After(value) };
}
