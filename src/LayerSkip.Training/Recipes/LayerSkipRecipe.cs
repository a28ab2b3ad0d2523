namespace LayerSkip.Training.Recipes;

/// <summary>The LayerSkip recipe (arXiv 2404.16710): layer dropout and early-exit loss. The default is ordinary training.</summary>
public sealed record LayerSkipRecipe
{
    /// <summary>Layer dropout's p_max: how likely the last layer is dropped for a sample, in 0 .. 1; the first never is. 0: no dropout.</summary>
    public double MaxDropout { get; init; }

    /// <summary>How dropout grows over time.</summary>
    public DropoutSchedule DropoutSchedule { get; init; } = DropoutSchedule.Constant;

    /// <summary>The early-exit loss's e_scale, at least 0: what the exits before the last layer count for. 0: no early-exit loss.</summary>
    public double ExitScale { get; init; }

    /// <summary>How an exit's share of the loss grows with its layer.</summary>
    public ExitWeighting ExitWeighting { get; init; } = ExitWeighting.Triangular;

    /// <summary>
    /// e(l) in numbers, one a layer, in place of <see cref="ExitScale"/> and <see cref="ExitWeighting"/>: to favour the exit that is to draft.
    /// Finite and at least 0, the last positive; an exit of weight 0 costs nothing. Null: by the formula.
    /// </summary>
    public IReadOnlyList<double>? ExitWeights { get; init; }

    /// <summary>
    /// Stages in which a model from scratch grows from few layers to all of them; empty: it has all from the start. Not the paper's: it makes the
    /// first layers, which are to draft, a good model of their own, at a fraction of the time.
    /// </summary>
    public IReadOnlyList<DepthStage> Growth { get; init; } = [];

    /// <summary>Which exits have a loss in a step.</summary>
    public ExitCurriculum Curriculum { get; init; } = ExitCurriculum.All;

    /// <summary>The R of the rotational curriculum, at least 1: each exit has a loss in one of R steps.</summary>
    public int Rotation { get; init; } = 1;

    /// <summary>The paper's settings for fine-tuning on TOPv2: p_max 0.2, e_scale 1, gradual curriculum.</summary>
    public static LayerSkipRecipe TopV2 { get; } = new() { MaxDropout = 0.2, ExitScale = 1, Curriculum = ExitCurriculum.Gradual };

    /// <summary>D(t): how many layers the model has in a step; of one that grows, those above neither run nor change.</summary>
    /// <param name="layers">L, of one that grows those that it will have.</param>
    /// <param name="step">t, at least 0.</param>
    /// <param name="steps">T, steps of the whole run.</param>
    public int DepthAt(int layers, long step, long steps) => ModelGrowth.Depth(this, layers, step, steps);

    /// <summary>p(l, t): how likely a layer is dropped for a sample. It is laid over all layers, of a model that grows over those that it will have.</summary>
    /// <param name="layer">l in 0 .. layers − 1.</param>
    /// <param name="layers">L.</param>
    /// <param name="step">t, at least 0.</param>
    /// <param name="steps">T, steps of the whole run.</param>
    public double DropoutAt(int layer, int layers, long step, long steps) => LayerDropout.Probability(this, layer, layers, step, steps);

    /// <summary>What each exit counts for in a step's loss: one weight a layer, 0 where the curriculum leaves the exit out, of sum 1.</summary>
    /// <param name="layers">L.</param>
    /// <param name="step">t, at least 0.</param>
    /// <param name="steps">T, steps of the whole run.</param>
    /// <exception cref="ArgumentException"><see cref="ExitWeights"/> has another length.</exception>
    public IReadOnlyList<double> ExitWeightsAt(int layers, long step, long steps)
    {
        EarlyExitLoss.Check(this, layers);
        return EarlyExitLoss.Weights(this, layers, step, steps);
    }

    /// <summary>Throws unless every value is in its range.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A value is outside its range; the message names it.</exception>
    public void Validate()
    {
        if (MaxDropout is not (>= 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(MaxDropout), MaxDropout, "MaxDropout must lie in 0..1.");
        }

        if (!double.IsFinite(ExitScale) || ExitScale < 0)
        {
            throw new ArgumentOutOfRangeException(nameof(ExitScale), ExitScale, "ExitScale must be finite and at least 0.");
        }

        if (ExitWeights is not null && (ExitScale != 0 || ExitWeights.Count == 0 || ExitWeights[^1] == 0 || ExitWeights.Any(weight => !double.IsFinite(weight) || weight < 0)))
        {
            throw new ArgumentOutOfRangeException(
                nameof(ExitWeights), string.Join(' ', ExitWeights), "ExitWeights must be finite and at least 0, the last positive, and stand without an ExitScale.");
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(Rotation, 1);
        if (!Enum.IsDefined(DropoutSchedule) || !Enum.IsDefined(ExitWeighting) || !Enum.IsDefined(Curriculum))
        {
            throw new ArgumentOutOfRangeException(
                nameof(Curriculum), $"{DropoutSchedule}, {ExitWeighting}, {Curriculum}", "DropoutSchedule, ExitWeighting and Curriculum must be defined values.");
        }
    }
}
