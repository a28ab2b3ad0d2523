using LayerSkip.Engine.Tokenization.Patterns;

namespace LayerSkip.Engine.Tokenization.Decoding;

/// <summary><c>Metaspace</c>: marks become spaces again, and those of the first token go where encoding had put one.</summary>
internal sealed class MetaspaceStep(char mark, bool dropsFirst) : DecoderStep
{
    public override string Apply(string token, bool isFirst, RegexBudget budget) => isFirst && dropsFirst
        ? token.Replace(mark.ToString(), "", StringComparison.Ordinal)
        : token.Replace(mark, ' ');
}
