namespace LayerSkip.Engine.Decoding;

/// <summary>Where drafted tokens come from. All are verified alike, so the output is the same.</summary>
public enum DraftSource
{
    /// <summary>The model's own first layers.</summary>
    Exit,

    /// <summary>What followed the longest earlier occurrence of the context's last tokens, in prompt and output: costs no layers. Nothing is drafted where there is none.</summary>
    Lookup,

    /// <summary>The context where it has something to copy from, else the exit.</summary>
    Combined,
}
