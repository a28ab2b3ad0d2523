namespace LayerSkip.Engine.Tokenization.Normalization;

/// <summary><c>Strip</c>: white space removed from the text's ends.</summary>
internal sealed class StripNormalizer(bool left, bool right) : Normalizer
{
    public override NormalizedText Apply(NormalizedText text)
    {
        var end = right ? text.Text.AsSpan().TrimEnd().Length : text.Text.Length;
        var start = left ? end - text.Text.AsSpan(0, end).TrimStart().Length : 0;
        return text with { Text = text.Text[start..end], Rules = text.Rules.Slice(start, end - start) };
    }
}
