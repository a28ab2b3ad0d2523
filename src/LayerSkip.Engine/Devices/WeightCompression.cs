namespace LayerSkip.Engine.Devices;

/// <summary>
/// Whether the CPU keeps bfloat16 matrices compressed: without loss and to the same bits, in about 12.4 bits a weight instead of 16, so that
/// decoding reads less. Other formats, and GPUs, compress nothing.
/// </summary>
public enum WeightCompression
{
    /// <summary>Where weights come from memory in every step: the larger matrices of models that no cache holds, from 32 million weights on.</summary>
    Auto,

    /// <summary>All that are multiplied with.</summary>
    Always,

    /// <summary>None.</summary>
    Never,
}
