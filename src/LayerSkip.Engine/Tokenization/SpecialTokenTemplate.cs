namespace LayerSkip.Engine.Tokenization;

/// <summary>The special tokens which the post-processor puts around a text.</summary>
internal sealed record SpecialTokenTemplate(IReadOnlyList<int> Before, IReadOnlyList<int> After);
