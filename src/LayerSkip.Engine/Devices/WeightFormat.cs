namespace LayerSkip.Engine.Devices;

/// <summary>How a device keeps a model's weight matrices in memory. Activations, norms, biases and the KV cache are always float32.</summary>
public enum WeightFormat
{
    /// <summary>The checkpoint's own precision: bfloat16 stays bfloat16; float32 and float16 become float32. Exact.</summary>
    Auto,

    /// <summary>float32: exact for every checkpoint.</summary>
    F32,

    /// <summary>bfloat16: exact for bfloat16 checkpoints, rounded to nearest even for others (lossy there).</summary>
    BF16,
}
