namespace LayerSkip.Engine.Tokenization;

/// <summary>A range of a text with its own rule for the matching of added tokens.</summary>
/// <param name="Start">Index of the range's first UTF-16 code unit, 0 or more.</param>
/// <param name="Length">Number of UTF-16 code units, 0 or more.</param>
/// <param name="Matching">Which added tokens may be matched on these characters.</param>
public readonly record struct AddedTokenRange(int Start, int Length, AddedTokenMatching Matching);
