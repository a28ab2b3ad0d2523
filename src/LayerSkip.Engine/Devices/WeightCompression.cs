namespace LayerSkip.Engine.Devices;

/// <summary>
/// Whether the CPU keeps matrices of bfloat16 and float32 compressed: without loss and to the same bits, in 12.1 bits a normally distributed weight
/// instead of 16, or 28.1 instead of 32, so that decoding reads less. Other formats, and GPUs, compress nothing.
/// </summary>
public enum WeightCompression
{
    /// <summary>Where it pays: the larger matrices of models of more than 33 million weights, which come from memory in every step, but for those that hardly get smaller.</summary>
    Auto,

    /// <summary>All that are multiplied with.</summary>
    Always,

    /// <summary>None.</summary>
    Never,
}
