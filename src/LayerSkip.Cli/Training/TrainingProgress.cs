namespace LayerSkip.Cli.Training;

/// <summary>Where a run stands.</summary>
internal sealed record TrainingProgress
{
    /// <summary>Steps made.</summary>
    public required long Step { get; init; }

    public required long Steps { get; init; }

    /// <summary>Passes over the data, as a fraction.</summary>
    public required double Epoch { get; init; }

    /// <summary>Means by exit, in nats, over the steps since the last line of metrics, whose own they are at that line; NaN for one that has had none. The last is full depth's.</summary>
    public required IReadOnlyList<double> Losses { get; init; }

    /// <summary>Layers that decide for the deepest exit that has had a loss: all, unless the model is growing yet.</summary>
    public int Depth => 1 + Losses.Index().Last(loss => !double.IsNaN(loss.Item)).Index;

    public required double LearningRate { get; init; }

    public required double GradientNorm { get; init; }

    /// <summary>How likely the deepest layer that runs is dropped.</summary>
    public required double MaxDropout { get; init; }

    public required double TokensPerSecond { get; init; }

    /// <summary>Floating-point operations of the matrix products.</summary>
    public required double FlopsPerSecond { get; init; }

    /// <summary><see cref="FlopsPerSecond"/> by what the machine's multiply-add units do, the best measured since the start.</summary>
    public required double PeakShare { get; init; }

    /// <summary>What the trainer holds.</summary>
    public required long Bytes { get; init; }

    /// <summary>What the process holds.</summary>
    public required long ProcessBytes { get; init; }

    /// <summary>At the speed of the last steps; evaluations and checkpoints come on top.</summary>
    public required TimeSpan Remaining { get; init; }
}
