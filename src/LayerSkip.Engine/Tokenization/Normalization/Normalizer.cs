namespace LayerSkip.Engine.Tokenization.Normalization;

/// <summary>A step that rewrites the text before it is split: an entry of <c>normalizer</c>.</summary>
internal abstract class Normalizer
{
    public abstract NormalizedText Apply(NormalizedText text);
}
