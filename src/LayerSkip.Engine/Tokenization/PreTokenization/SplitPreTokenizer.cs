using LayerSkip.Engine.Tokenization.Patterns;

namespace LayerSkip.Engine.Tokenization.PreTokenization;

/// <summary><c>Split</c>, and what is one under another name: <c>Digits</c>, <c>Punctuation</c>, <c>Whitespace</c>, <c>WhitespaceSplit</c>.</summary>
internal sealed class SplitPreTokenizer(TextPattern pattern, SplitBehavior behavior, bool isInverted) : PreTokenizer
{
    public override void Apply(PreTokenizedText text) => text.Split(pattern, behavior, isInverted);
}
