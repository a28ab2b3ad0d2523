using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine;

/// <summary>Where and how a model's weights are kept.</summary>
public sealed record ModelOptions
{
    /// <summary>
    /// Device to run on: <c>cpu</c>, the embedded default; a provider's kind (<c>cuda</c>: its first usable device with memory for the
    /// model, or several that share its layers; <c>cuda:1</c>: the second of all, alone); or <c>auto</c>: the first provider's that can take the model, else the CPU, and <see cref="LayerSkipModel.DeviceFallback"/> says why.
    /// </summary>
    public string Device { get; init; } = "cpu";

    /// <summary>Kinds of devices beside the CPU, the preferred first.</summary>
    public IReadOnlyList<DeviceProvider> DeviceProviders { get; init; } = [];

    /// <summary>Threads that the CPU computes with, at least 1; null: one for each processor.</summary>
    public int? Threads { get; init; }

    /// <summary>How the weight matrices are kept.</summary>
    public WeightFormat WeightFormat { get; init; } = WeightFormat.Auto;

    /// <summary>Matrices to keep in the checkpoint's own precision all the same.</summary>
    public FinerWeights Finer { get; init; }

    /// <summary>Whether the CPU keeps matrices of bfloat16 and float32 compressed, without loss.</summary>
    public WeightCompression Compression { get; init; }
}
