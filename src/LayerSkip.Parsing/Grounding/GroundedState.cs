using LayerSkip.Engine.Constraints;

namespace LayerSkip.Parsing.Grounding;

/// <summary>
/// A point in a grounded frame. Brackets alternate between intents and slots, so that how many are open says of which kind the innermost is.
/// </summary>
/// <param name="Language">The utterance and the labels.</param>
/// <param name="Depth">The innermost bracket: 0 for the root, even for intents, odd for slots.</param>
internal abstract record GroundedState(GroundedLanguage Language, int Depth) : TextState
{
    protected const byte Space = (byte)' ';
    protected const byte Open = (byte)'[';
    protected const byte Close = (byte)']';

    /// <summary>The utterance.</summary>
    protected SpokenText Spoken => Language.Spoken;

    /// <summary>Whether the innermost bracket is a slot's.</summary>
    protected bool IsSlot => IsSlotAt(Depth);

    /// <summary>Bytes that close all brackets, from behind a space in the innermost on: <c>] ] ]</c>.</summary>
    protected int ClosingBytes => 1 + (2 * Depth);

    /// <summary>Whether a bracket may open in this one: it stands for a word at least.</summary>
    /// <param name="place">Where its words may begin.</param>
    protected bool MayOpen(int place) => Depth + 1 < GroundedFrames.MaxDepth && place < Spoken.End;

    /// <summary>The labels of a bracket.</summary>
    /// <param name="depth">The bracket.</param>
    protected LabelNode LabelsAt(int depth) => IsSlotAt(depth) ? Language.Labels.Slots : Language.Labels.Intents;

    /// <summary>A set of one byte, or of none.</summary>
    protected static ByteSet If(bool holds, byte value) => holds ? ByteSet.Of(value) : ByteSet.None;

    private static bool IsSlotAt(int depth) => depth % 2 == 1;
}
