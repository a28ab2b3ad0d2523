using LayerSkip.Training.Optimization;
using LayerSkip.Training.Recipes;

namespace LayerSkip.Training;

/// <summary>Everything that decides a run's trajectory, but for its data and its first weights.</summary>
public sealed record TrainingOptions
{
    /// <summary>T: optimizer steps of the whole run, at least 1. Schedules and curricula are laid over them.</summary>
    public required long Steps { get; init; }

    /// <summary>Layer dropout and early-exit loss.</summary>
    public LayerSkipRecipe Recipe { get; init; } = new();

    /// <summary>AdamW and the learning rate.</summary>
    public OptimizerOptions Optimizer { get; init; } = new();

    /// <summary>
    /// Label smoothing ε, in 0 .. 1 without 1: the share of every target that is spread over the whole vocabulary, so that the model is not
    /// driven to certainty. The losses that are reported are without it.
    /// </summary>
    public double LabelSmoothing { get; init; }

    /// <summary>
    /// Dropout of single activations, in 0 .. 1 without 1: of the embeddings, of what attention has gathered, and of the MLP's hidden units. Not
    /// to be confused with the recipe's layer dropout. The losses that are reported are with it.
    /// </summary>
    public double ActivationDropout { get; init; }

    /// <summary>Chooses the activations that are dropped, the samples that layers drop, and the first weights of a model from scratch.</summary>
    public ulong Seed { get; init; }

    /// <summary>Threads, at least 1; null for one a processor. They do not change a bit of the result.</summary>
    public int? Threads { get; init; }

    /// <summary>Throws unless every value is in its range.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A value is outside its range; the message names it.</exception>
    public void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Steps, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Steps, int.MaxValue);
        ArgumentOutOfRangeException.ThrowIfLessThan(Threads ?? 1, 1, nameof(Threads));
        if (LabelSmoothing is not (>= 0 and < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(LabelSmoothing), LabelSmoothing, "LabelSmoothing must lie in 0..1, below 1.");
        }

        if (ActivationDropout is not (>= 0 and < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(ActivationDropout), ActivationDropout, "ActivationDropout must lie in 0..1, below 1.");
        }

        Recipe.Validate();
        Optimizer.Validate();
    }
}
