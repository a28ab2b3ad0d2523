using LayerSkip.Engine.Constraints;
using LayerSkip.Parsing.Frames;

namespace LayerSkip.Parsing.Grounding;

/// <summary>In a label, from behind its bracket on.</summary>
/// <param name="Spoken">The utterance.</param>
/// <param name="Depth">The bracket.</param>
/// <param name="Place">Where its words may begin.</param>
/// <param name="Read">Characters read of the prefix and of the first letter behind it; more are not counted.</param>
internal sealed record LabelState(SpokenText Spoken, int Depth, int Place, int Read) : GroundedState(Spoken, Depth)
{
    private static readonly ByteSet s_letters = ByteSet.Range('A', 'Z');
    private static readonly ByteSet s_rest = s_letters | ByteSet.Range('0', '9') | ByteSet.Of("_ ");

    public override int MinBytes => Prefix.Length + 1 - Read + 1 + Inside.MinBytes;

    public override ByteSet NextBytes => Read < Prefix.Length ? ByteSet.Of((byte)Prefix[Read]) : Read == Prefix.Length ? s_letters : s_rest;

    private string Prefix => IsSlot ? FrameNode.SlotPrefix : FrameNode.IntentPrefix;

    private InsideState Inside => new(Spoken, Depth, Place, IsEmpty: true);

    public override TextState After(byte value) => value == Space ? Inside : this with { Read = Math.Min(Read + 1, Prefix.Length + 1) };
}
