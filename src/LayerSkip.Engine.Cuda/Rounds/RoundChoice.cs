namespace LayerSkip.Engine.Cuda.Rounds;

/// <summary>How a round's tokens are chosen.</summary>
internal enum RoundChoice
{
    /// <summary>The most likely, by draft and full model alike.</summary>
    Greedy,

    /// <summary>By the draft the most likely of listed tokens, by the full model the most likely of all.</summary>
    Listed,

    /// <summary>Drawn, by draft and full model alike.</summary>
    Drawn,
}
