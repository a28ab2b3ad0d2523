namespace LayerSkip.Engine.Decoding;

/// <summary>What decides, round by round, how deep and how far to draft. The output is the same whatever it decides; only the time differs.</summary>
public enum DraftController
{
    /// <summary>
    /// By what pays: exit layer, length and source are chosen by a cost model of measured step times and of the acceptance seen in this request; where
    /// nothing pays nothing is drafted, and a cheap look now and then tells when it would pay again.
    /// </summary>
    Auto,

    /// <summary>The same exit layer and speculation length in every round, as in the LayerSkip paper.</summary>
    Fixed,

    /// <summary>The same exit layer; one token more after a round whose draft was accepted whole, one less after any other. Begins with half of the longest.</summary>
    Fsm,

    /// <summary>The same exit layer; a draft ends after a token that the exit gives less than <see cref="DecodingOptions.DraftThreshold"/>.</summary>
    Confidence,

    /// <summary>As <see cref="Confidence"/>, with a threshold that follows the acceptance rate so that it stays near <see cref="DecodingOptions.DraftThreshold"/> (Draft &amp; Verify).</summary>
    Adaptive,

    /// <summary>
    /// Exit layer by the acceptance that decayed counts expect of every few exits, length by the confidence that told accepted tokens from rejected
    /// ones (DEL), with measured step times in place of numbers of layers.
    /// </summary>
    Dynamic,
}
