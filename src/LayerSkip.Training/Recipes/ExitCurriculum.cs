namespace LayerSkip.Training.Recipes;

/// <summary>C(t, l): which exits have a loss in step t of T. The last layer's always has.</summary>
public enum ExitCurriculum
{
    /// <summary>Every exit in every step.</summary>
    All,

    /// <summary>The exits after the layers l with l mod R = t mod R: at most ⌈L / R⌉ heads a step besides the last.</summary>
    Rotational,

    /// <summary>The last layer alone at first, one more exit downward every T / (2 L) steps, all from T / 2 on.</summary>
    Gradual,
}
