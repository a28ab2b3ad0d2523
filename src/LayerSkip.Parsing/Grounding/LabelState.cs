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
    private static readonly byte[] s_letters = [.. "ABCDEFGHIJKLMNOPQRSTUVWXYZ"u8];
    private static readonly byte[] s_rest = [.. "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ "u8];
    private static readonly byte[] s_intent = [.. FrameNode.IntentPrefix.Select(static character => (byte)character)];
    private static readonly byte[] s_slot = [.. FrameNode.SlotPrefix.Select(static character => (byte)character)];

    public override int MinBytes => Prefix.Length + 1 - Read + 1 + Inside.MinBytes;

    public override IReadOnlyCollection<byte> NextBytes =>
        Read < Prefix.Length ? [Prefix[Read]]
        : Read == Prefix.Length ? s_letters
        : s_rest;

    private byte[] Prefix => IsSlot ? s_slot : s_intent;

    private InsideState Inside => new(Spoken, Depth, Place, IsEmpty: true);

    public override TextState After(byte value) => value == Space ? Inside : this with { Read = Math.Min(Read + 1, Prefix.Length + 1) };
}
