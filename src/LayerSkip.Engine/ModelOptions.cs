using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine;

/// <summary>Where and how a model's weights are kept.</summary>
public sealed record ModelOptions
{
    /// <summary>Device to run on: <c>cpu</c>, the embedded default.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>Threads to compute with, at least 1; null: one for each processor.</summary>
    public int? Threads { get; init; }

    /// <summary>How the weight matrices are kept.</summary>
    public WeightFormat WeightFormat { get; init; } = WeightFormat.Auto;

    /// <summary>Matrices to keep in the checkpoint's own precision all the same.</summary>
    public FinerWeights Finer { get; init; }
}
