namespace LayerSkip.Training;

/// <summary>What one optimizer step did.</summary>
public sealed record StepReport
{
    /// <summary>The step's number, from 0.</summary>
    public required long Step { get; init; }

    /// <summary>The mean loss of each exit over the step's targets, in nats; NaN where the curriculum left the exit out. The last is the full model's.</summary>
    public required IReadOnlyList<double> ExitLosses { get; init; }

    /// <summary>The loss that was descended, but for label smoothing: the exits' losses by their weights.</summary>
    public required double Loss { get; init; }

    /// <summary>The gradient's length before clipping.</summary>
    public required double GradientNorm { get; init; }

    /// <summary>The learning rate applied.</summary>
    public required double LearningRate { get; init; }

    /// <summary>Rows of all batches.</summary>
    public required int Rows { get; init; }

    /// <summary>Rows that bore a loss.</summary>
    public required int Targets { get; init; }

    /// <summary>Rows that went through a layer, summed over layers: less than L times <see cref="Rows"/> by what dropout saved.</summary>
    public required long LayerRows { get; init; }

    /// <summary>Floating-point operations of the matrix products; a multiplication and an addition count as two.</summary>
    public required long Operations { get; init; }
}
