namespace LayerSkip.Engine.Checkpoints;

/// <summary>What a tensor of a model is for.</summary>
internal enum TensorRole
{
    /// <summary>A matrix that multiplies rows, or the embedding: (rows, columns).</summary>
    Matrix,

    /// <summary>The gain of an RMS norm.</summary>
    Norm,

    /// <summary>What a projection adds.</summary>
    Bias,
}

/// <summary>A tensor that a model configuration implies.</summary>
/// <param name="Name">Its Hugging Face name.</param>
/// <param name="Role">What it is for.</param>
/// <param name="Shape">Its dimensions: one for a vector, two (rows, columns) for a matrix.</param>
internal sealed record ExpectedTensor(string Name, TensorRole Role, params long[] Shape);
