using LayerSkip.Engine.Tokenization.Patterns;

namespace LayerSkip.Engine.Tokenization.Normalization;

/// <summary><c>Replace</c>: <paramref name="content"/> in place of every match.</summary>
internal sealed class ReplaceNormalizer(TextPattern pattern, string content) : Normalizer
{
    public override NormalizedText Apply(NormalizedText text)
    {
        var matches = new List<TextMatch>();
        pattern.FindMatches(text.Text, text.Budget, matches);
        if (matches.Count == 0)
        {
            return text;
        }

        var builder = new NormalizedTextBuilder(text);
        var position = 0;
        foreach (var match in matches)
        {
            builder.Keep(position, match.Start - position);
            builder.Replace(match.Start, match.Length, content);
            position = match.Start + match.Length;
        }

        builder.Keep(position, text.Text.Length - position);
        return builder.Build();
    }
}
