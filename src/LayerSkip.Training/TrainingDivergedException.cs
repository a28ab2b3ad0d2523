namespace LayerSkip.Training;

/// <summary>A loss or a gradient is not a number or infinite. The weights are those of the step before; saved states are untouched.</summary>
public sealed class TrainingDivergedException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="step">The step, from 0.</param>
    /// <param name="message">What was found.</param>
    public TrainingDivergedException(long step, string message)
        : base(message)
    {
        Step = step;
    }

    /// <summary>The step that could not be made, from 0.</summary>
    public long Step { get; }
}
