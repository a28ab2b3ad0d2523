using System.Text;

namespace LayerSkip.Engine.Tokenization.Normalization;

/// <summary><c>NFC</c>, <c>NFD</c>, <c>NFKC</c>, <c>NFKD</c>: decompose, order the marks, compose.</summary>
/// <remarks>Our own, because .NET leaves text as it is where globalization is invariant, and the tokens must not depend on that.</remarks>
internal sealed class UnicodeFormNormalizer(UnicodeForm form) : Normalizer
{
    public override NormalizedText Apply(NormalizedText text)
    {
        if (Ascii.IsValid(text.Text))
        {
            return text;
        }

        // An ASCII character never composes with what stands before it, so the text may be cut there; a cut is only needed where
        // each output character must answer for the rules of what it came from.
        var builder = new NormalizedTextBuilder(text);
        for (var start = 0; start < text.Text.Length;)
        {
            var end = text.Rules.IsUniform ? text.Text.Length : start + 1;
            while (end < text.Text.Length && !char.IsAscii(text.Text[end]))
            {
                end++;
            }

            builder.Replace(start, end - start, Convert(text.Text.AsSpan(start, end - start)));
            start = end;
        }

        return builder.Build();
    }

    private string Convert(ReadOnlySpan<char> text)
    {
        var tables = UnicodeTables.Instance;
        var characters = new List<int>(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            tables.Decompose(rune.Value, isCompatible: form is UnicodeForm.Nfkc or UnicodeForm.Nfkd, characters);
        }

        OrderMarks(characters, tables);
        if (form is UnicodeForm.Nfc or UnicodeForm.Nfkc)
        {
            Compose(characters, tables);
        }

        var result = new StringBuilder(text.Length);
        Span<char> units = stackalloc char[2];
        foreach (var character in characters)
        {
            result.Append(units[..new Rune(character).EncodeToUtf16(units)]);
        }

        return result.ToString();
    }

    // Each run of marks is sorted by combining class, equal classes staying in order.
    private static void OrderMarks(List<int> characters, UnicodeTables tables)
    {
        for (var start = 0; start < characters.Count; start++)
        {
            var end = start;
            while (end < characters.Count && tables.CombiningClass(characters[end]) != 0)
            {
                end++;
            }

            if (end - start > 1)
            {
                var ordered = characters.GetRange(start, end - start).OrderBy(tables.CombiningClass).ToArray();
                ordered.CopyTo(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(characters)[start..]);
            }

            start = end;
        }
    }

    private static void Compose(List<int> characters, UnicodeTables tables)
    {
        const int None = -1;
        var (starter, lastClass, count) = (None, 0, 0);
        foreach (var character in characters.ToArray())
        {
            var combiningClass = tables.CombiningClass(character);
            var isAdjacent = starter == count - 1;
            if (starter != None && (isAdjacent || lastClass < combiningClass)
                && tables.TryCompose(characters[starter], character, out var composed))
            {
                characters[starter] = composed;
                continue;
            }

            if (combiningClass == 0)
            {
                starter = count;
            }

            lastClass = combiningClass;
            characters[count++] = character;
        }

        characters.RemoveRange(count, characters.Count - count);
    }
}
