namespace LayerSkip.Engine.Tokenization.Normalization;

/// <summary><c>Sequence</c>: one after the other.</summary>
internal sealed class SequenceNormalizer(IReadOnlyList<Normalizer> steps) : Normalizer
{
    public override NormalizedText Apply(NormalizedText text) => steps.Aggregate(text, (current, step) => step.Apply(current));
}
