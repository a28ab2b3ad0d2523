using System.Text;

namespace LayerSkip.Engine.Tokenization.Normalization;

/// <summary><c>Lowercase</c>: each character's own lower case, whatever stands around it.</summary>
internal sealed class LowercaseNormalizer : Normalizer
{
    public override NormalizedText Apply(NormalizedText text)
    {
        var builder = new NormalizedTextBuilder(text);
        var position = 0;
        Span<char> units = stackalloc char[2];
        foreach (var rune in text.Text.EnumerateRunes())
        {
            // U+0130 is the only character whose lower case is two characters long.
            ReadOnlySpan<char> lower = rune.Value == 0x130 ? "i\u0307" : units[..Rune.ToLowerInvariant(rune).EncodeToUtf16(units)];
            builder.Replace(position, rune.Utf16SequenceLength, lower);
            position += rune.Utf16SequenceLength;
        }

        return builder.Build();
    }
}
