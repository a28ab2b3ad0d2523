namespace LayerSkip.Engine.Tokenization.Patterns;

/// <summary>Where a pattern matched, in UTF-16 code units.</summary>
internal readonly record struct TextMatch(int Start, int Length);
