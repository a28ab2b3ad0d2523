namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>One transformer layer's weights. Biases are null where the checkpoint has none.</summary>
internal sealed class CpuLayer
{
    /// <summary>[hidden]</summary>
    public required float[] AttentionNorm { get; init; }

    /// <summary>[(heads + 2 kvHeads) · headDimension, hidden]: queries, keys, values.</summary>
    public required WeightMatrix Qkv { get; init; }

    public required float[]? QkvBias { get; init; }

    /// <summary>[hidden, heads · headDimension]</summary>
    public required WeightMatrix Output { get; init; }

    public required float[]? OutputBias { get; init; }

    /// <summary>[hidden]</summary>
    public required float[] MlpNorm { get; init; }

    /// <summary>[intermediate, hidden]</summary>
    public required WeightMatrix Gate { get; init; }

    public required float[]? GateBias { get; init; }

    /// <summary>[intermediate, hidden]</summary>
    public required WeightMatrix Up { get; init; }

    public required float[]? UpBias { get; init; }

    /// <summary>[hidden, intermediate]</summary>
    public required WeightMatrix Down { get; init; }

    public required float[]? DownBias { get; init; }

    /// <summary>Bytes that a pass over the layer reads.</summary>
    public long Bytes => Qkv.Bytes + Output.Bytes + Gate.Bytes + Up.Bytes + Down.Bytes;
}
