namespace LayerSkip.Engine.Devices;

/// <summary>How a device keeps a model's weight matrices in memory. Activations, norms, biases and the KV cache are always float32.</summary>
public enum WeightFormat
{
    /// <summary>
    /// The checkpoint's own precision: bfloat16 stays bfloat16; float32 and float16 become float32; quantised matrices keep their blocks. Exact.
    /// </summary>
    Auto,

    /// <summary>float32: exact for every checkpoint.</summary>
    F32,

    /// <summary>bfloat16: exact for bfloat16 checkpoints, rounded to nearest even for others (lossy there).</summary>
    BF16,

    /// <summary>
    /// Blocks of 32 signed bytes with a float32 scale each, 9 bits a weight: lossy. Activations are rounded to bytes too, 32 by 32, wherever they
    /// meet such a matrix.
    /// </summary>
#pragma warning disable CA1720 // What the format is called everywhere.
    Int8,
#pragma warning restore CA1720

    /// <summary>
    /// Blocks of 32 four-bit integers with a float32 scale each, 5 bits a weight: lossy, more so than <see cref="Int8"/>. Embeddings and head are
    /// kept as <see cref="Int8"/>.
    /// </summary>
    Int4,
}
