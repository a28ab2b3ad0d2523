namespace LayerSkip.Engine.Cuda.Weights;

/// <summary>One transformer layer's weights in device memory.</summary>
/// <param name="AttentionNorm">Gain, [hidden].</param>
/// <param name="Qkv">[(heads + 2 kvHeads) · headDimension, hidden]: queries, keys, values.</param>
/// <param name="Output">[hidden, heads · headDimension]</param>
/// <param name="MlpNorm">Gain, [hidden].</param>
/// <param name="Gate">[intermediate, hidden]</param>
/// <param name="Up">[intermediate, hidden]</param>
/// <param name="Down">[hidden, intermediate]</param>
internal sealed record DeviceLayer(
    ulong AttentionNorm, DeviceMatrix Qkv, DeviceMatrix Output, ulong MlpNorm, DeviceMatrix Gate, DeviceMatrix Up, DeviceMatrix Down)
{
    /// <summary>Bytes that a pass over the layer reads.</summary>
    public long Bytes => Qkv.Bytes + Output.Bytes + Gate.Bytes + Up.Bytes + Down.Bytes;
}
