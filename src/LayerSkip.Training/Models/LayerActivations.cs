using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices.Cpu;

namespace LayerSkip.Training.Models;

/// <summary>What a layer's forward pass keeps for its backward pass. Norms and the gated product are cheaper to compute again than to keep.</summary>
internal sealed class LayerActivations(ModelConfig config) : IDisposable
{
    /// <summary>[R, (queryHeads + 2 keyValueHeads) · headDimension], queries and keys turned.</summary>
    public ActivationBuffer Qkv { get; } = new((config.AttentionHeads + (2 * config.KeyValueHeads)) * config.HeadDimension);

    /// <summary>[R, queryHeads · headDimension], before the output projection.</summary>
    public ActivationBuffer Attended { get; } = new(config.AttentionHeads * config.HeadDimension);

    /// <summary>[R, hidden]: the residual stream between attention and MLP.</summary>
    public ActivationBuffer Middle { get; } = new(config.HiddenSize);

    /// <summary>[R, 2 F].</summary>
    public ActivationBuffer GateUp { get; } = new(2 * config.IntermediateSize);

    public long Bytes => Qkv.Bytes + Attended.Bytes + Middle.Bytes + GateUp.Bytes;

    public void Dispose()
    {
        Qkv.Dispose();
        Attended.Dispose();
        Middle.Dispose();
        GateUp.Dispose();
    }
}
