namespace LayerSkip.Engine.Decoding;

/// <summary>
/// By which weights a draft's rows run the layers below its exit. A coarse copy of those layers makes drafting cheaper where reading weights is what takes time; verification
/// then runs the layers themselves over these rows as well, so that the output is the same. An exit after all layers drafts by such a copy alone, for any checkpoint.
/// </summary>
public enum DraftWeights
{
    /// <summary>The model's own: what drafts have computed, verification goes on from.</summary>
    Exact,

    /// <summary>Blocks of 32 signed bytes with a scale each, 9 bits a weight: nearly every guess is the one that <see cref="Exact"/> makes.</summary>
#pragma warning disable CA1720 // What the format is called everywhere.
    Int8,
#pragma warning restore CA1720

    /// <summary>Blocks of 32 four-bit integers with a scale each, 5 bits a weight: the cheapest, and some guesses differ. How many, and whether that pays, depends on the checkpoint.</summary>
    Int4,
}
