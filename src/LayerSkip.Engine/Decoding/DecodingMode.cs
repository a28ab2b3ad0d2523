namespace LayerSkip.Engine.Decoding;

/// <summary>How tokens are decoded.</summary>
public enum DecodingMode
{
    /// <summary>One full-depth pass a token.</summary>
    Autoregressive,

    /// <summary>
    /// Draft with the first E layers, verify with the rest (LayerSkip, section 4.3). Greedy output is bit-identical to
    /// <see cref="Autoregressive"/>; sampled output has exactly its distribution.
    /// </summary>
    SelfSpeculative,

    /// <summary>Lossy: every token comes from the exit after E layers, and the layers above never run (LayerSkip, section 4.2).</summary>
    EarlyExit,
}
