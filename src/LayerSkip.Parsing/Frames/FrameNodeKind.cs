namespace LayerSkip.Parsing.Frames;

/// <summary>What a node of a frame tree is.</summary>
public enum FrameNodeKind
{
    /// <summary>A word: a leaf without brackets.</summary>
    Word,

    /// <summary>An intent, <c>[IN:NAME ... ]</c>: what is asked for.</summary>
    Intent,

    /// <summary>A slot, <c>[SL:NAME ... ]</c>: an argument of the intent it stands in.</summary>
    Slot,
}
