namespace LayerSkip.Engine.Tokenization.PreTokenization;

/// <summary>A stretch of text that the model encodes on its own, in UTF-16 code units.</summary>
internal readonly record struct Piece(int Start, int Length);
