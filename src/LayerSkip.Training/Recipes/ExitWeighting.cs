namespace LayerSkip.Training.Recipes;

/// <summary>e(l): how much the loss of the exit after layer l = 0 .. L − 1 counts, before normalisation.</summary>
public enum ExitWeighting
{
    /// <summary>The paper's: e_scale · l (l + 1) / 2, and for the last layer L − 1 + e_scale · Σ_{i ≤ L−2} i. The exit after layer 0 has no loss.</summary>
    Triangular,

    /// <summary>Flatter: e_scale · (l + 1), and for the last layer L. For small models that exit after two or three layers.</summary>
    Linear,

    /// <summary>Flatter still: e_scale · sqrt(l + 1), and for the last layer sqrt(L).</summary>
    SquareRoot,
}
