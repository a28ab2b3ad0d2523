namespace LayerSkip.Engine.Checkpoints;

/// <summary>How <c>rope_scaling</c> changes the rotary frequencies of a model whose context was extended.</summary>
public enum RopeScalingKind
{
    /// <summary>Frequencies as trained.</summary>
    None,

    /// <summary>Every frequency divided by <see cref="RopeScaling.Factor"/> (position interpolation).</summary>
    Linear,

    /// <summary>Llama 3.1's rule: low frequencies divided by the factor, high ones kept, a smooth ramp between.</summary>
    Llama3,
}

/// <summary>The <c>rope_scaling</c> section of <c>config.json</c>.</summary>
/// <param name="Kind">The rule.</param>
/// <param name="Factor">Context extension factor, at least 1.</param>
/// <param name="LowFrequencyFactor">Llama 3: wavelengths above original context / this are scaled fully.</param>
/// <param name="HighFrequencyFactor">Llama 3: wavelengths below original context / this are kept; greater than the low factor.</param>
/// <param name="OriginalMaxPositions">Llama 3: the context length before extension, in tokens.</param>
public sealed record RopeScaling(
    RopeScalingKind Kind,
    float Factor = 1,
    float LowFrequencyFactor = 1,
    float HighFrequencyFactor = 4,
    int OriginalMaxPositions = 8192);
