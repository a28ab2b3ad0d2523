namespace LayerSkip.Engine.Decoding.Drafting;

/// <summary>A draft as it goes into verification.</summary>
/// <param name="Exit">Layers that have run.</param>
/// <param name="Tokens">All tokens of it.</param>
/// <param name="Guessed">Those that no constraint forced.</param>
/// <param name="Rows">Rows of it: one for each token that something may follow.</param>
/// <param name="CoarseRows">The last of these, which have run by coarse weights: for verification no layer of them has run.</param>
/// <param name="Passes">Passes over the layers of the exit.</param>
internal readonly record struct PreparedDraft(int Exit, int Tokens, int Guessed, int Rows, int CoarseRows, int Passes);
