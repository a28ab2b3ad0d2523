namespace LayerSkip.Training.Optimization;

/// <summary>AdamW with decoupled weight decay, and its learning rate over time.</summary>
public sealed record OptimizerOptions
{
    /// <summary>The highest learning rate, positive: reached after the warm-up.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>Steps of the linear rise from 0, at least 0.</summary>
    public long WarmupSteps { get; init; }

    /// <summary>Where the cosine ends at the last step, as a share of <see cref="LearningRate"/>, in 0 .. 1.</summary>
    public double FinalShare { get; init; } = 0.1;

    /// <summary>Decay of the gradient's mean, in 0 .. 1.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay of the gradient's mean square, in 0 .. 1.</summary>
    public double Beta2 { get; init; } = 0.95;

    /// <summary>Added to the root of the mean square, positive.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Share of a weight that a step at learning rate 1 would take off, at least 0. Norms do not decay.</summary>
    public double WeightDecay { get; init; } = 0.1;

    /// <summary>Longest gradient, over all parameters, that is applied as it is; longer ones are scaled down to it. Positive; infinity for no clipping.</summary>
    public double MaxGradientNorm { get; init; } = 1;

    /// <summary>Throws unless every value is in its range.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A value is outside its range; the message names both.</exception>
    public void Validate()
    {
        Check(nameof(LearningRate), LearningRate, double.IsFinite(LearningRate) && LearningRate > 0, "finite and above 0");
        Check(nameof(WarmupSteps), WarmupSteps, WarmupSteps >= 0, "at least 0");
        Check(nameof(FinalShare), FinalShare, FinalShare is >= 0 and <= 1, "0 to 1");
        Check(nameof(Beta1), Beta1, Beta1 is >= 0 and < 1, "0 to 1, without 1");
        Check(nameof(Beta2), Beta2, Beta2 is >= 0 and < 1, "0 to 1, without 1");
        Check(nameof(Epsilon), Epsilon, double.IsFinite(Epsilon) && Epsilon > 0, "finite and above 0");
        Check(nameof(WeightDecay), WeightDecay, double.IsFinite(WeightDecay) && WeightDecay >= 0, "finite and at least 0");
        Check(nameof(MaxGradientNorm), MaxGradientNorm, MaxGradientNorm > 0, "above 0");
    }

    /// <summary>The learning rate of a step: a linear warm-up, then half a cosine down to the final share.</summary>
    /// <param name="step">From 0.</param>
    /// <param name="steps">Steps of the whole run; later ones keep the final rate.</param>
    public double RateAt(long step, long steps)
    {
        if (step < WarmupSteps)
        {
            return LearningRate * (step + 1) / WarmupSteps;
        }

        var done = Math.Min(1, (double)(step - WarmupSteps) / Math.Max(1, steps - 1 - WarmupSteps));
        return LearningRate * (FinalShare + ((1 - FinalShare) * (1 + Math.Cos(Math.PI * done)) / 2));
    }

    private static void Check(string name, object value, bool valid, string expected)
    {
        if (!valid)
        {
            throw new ArgumentOutOfRangeException(name, value, $"{name} must be {expected}.");
        }
    }
}
