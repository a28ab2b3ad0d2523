namespace LayerSkip.Cli.Training;

/// <summary>Which tokens of a row the model learns to predict.</summary>
internal enum LossRange
{
    /// <summary>The assistant's, with the token that ends them.</summary>
    Response,

    /// <summary>All but the first.</summary>
    All,
}
