namespace LayerSkip.Engine.Tokenization.Normalization;

/// <summary><c>Prepend</c>: a text that is not empty begins with <paramref name="prefix"/>, which takes its first character's rule.</summary>
internal sealed class PrependNormalizer(string prefix) : Normalizer
{
    public override NormalizedText Apply(NormalizedText text)
    {
        if (text.Text.Length == 0)
        {
            return text;
        }

        var builder = new NormalizedTextBuilder(text);
        builder.Replace(0, 1, prefix);
        builder.Keep(0, text.Text.Length);
        return builder.Build();
    }
}
