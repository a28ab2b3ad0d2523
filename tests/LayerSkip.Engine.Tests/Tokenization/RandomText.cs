using System.Text;

namespace LayerSkip.Engine.Tests.Tokenization;

/// <summary>Random well-formed Unicode, with what tokenizers stumble over: runs of spaces, newlines, marks, astral letters, contractions.</summary>
internal static class RandomText
{
    private static readonly string[] Snippets =
    [
        " ", "  ", "    ", "\n", "\r\n", "\t", "\u00A0", "\u2003", "\u0085", "'s", "'LL", "'ſ", "'", "a", "the", " the", "Hello", "7", "123", "4567", "½", "٣",
        "é", "e\u0301", "ﬁ", "한국", "漢字", "𠮷", "𝒜𝒷", "𝟙𝟚", "😀", "🏴󠁧󠁢", "—", "...", "!?", "_", "\u200D", "\0", "▁", "<|end|>", "<s>", "\uFFFD", "\uFEFF",
    ];

    public static string Next(Random random, int maxParts)
    {
        var text = new StringBuilder();
        for (var parts = random.Next(maxParts + 1); parts > 0; parts--)
        {
            if (random.Next(4) > 0)
            {
                text.Append(Snippets[random.Next(Snippets.Length)]);
                continue;
            }

            var value = random.Next(3) == 0 ? random.Next(0x110000) : random.Next(0x500);
            text.Append(Rune.IsValid(value) ? new Rune(value).ToString() : "x");
        }

        return text.ToString();
    }
}
