namespace LayerSkip.Engine.Checkpoints;

/// <summary>Where a model's weights come from: a checkpoint on disk, or random numbers for a synthetic model.</summary>
public abstract class WeightSource : IDisposable
{
    /// <summary>Whether a tensor of that name exists.</summary>
    public abstract bool Contains(string name);

    /// <summary>Gets a tensor and checks its shape.</summary>
    /// <param name="name">Hugging Face name of the tensor.</param>
    /// <param name="shape">The expected dimensions: one for a vector, two (rows, columns) for a matrix.</param>
    /// <exception cref="CheckpointException">The tensor is missing or has another shape; the message names it and both shapes.</exception>
    public abstract WeightTensor GetTensor(string name, params ReadOnlySpan<long> shape);

    /// <summary>Releases the underlying files.</summary>
    public abstract void Dispose();
}
