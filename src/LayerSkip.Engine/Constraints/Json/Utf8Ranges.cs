namespace LayerSkip.Engine.Constraints.Json;

/// <summary>Ranges of characters beyond ASCII as sequences of byte ranges.</summary>
internal static class Utf8Ranges
{
    private static readonly int[] s_lastOfLength = [0x7F, 0x7FF, 0xFFFF, 0x10FFFF];

    /// <summary>Adds the sequences of a range.</summary>
    /// <param name="grammar">Where to build them.</param>
    /// <param name="first">First character, at least 0x80.</param>
    /// <param name="last">Last character.</param>
    /// <param name="alternatives">Where they are added.</param>
    public static void Add(Grammar grammar, int first, int last, List<GrammarNode> alternatives)
    {
        for (var length = 2; length <= 4; length++)
        {
            var (from, to) = (Math.Max(first, s_lastOfLength[length - 2] + 1), Math.Min(last, s_lastOfLength[length - 1]));
            if (from <= to)
            {
                alternatives.Add(Sequences(grammar, from, to, length - 1, lead: length switch { 2 => 0xC0, 3 => 0xE0, _ => 0xF0 }));
            }
        }
    }

    /// <summary>Characters whose encoding has so many continuation bytes left, and begins with the highest bits.</summary>
    private static GrammarNode Sequences(Grammar grammar, int from, int to, int left, int lead)
    {
        var shift = 6 * left;
        var mask = (1 << shift) - 1;
        if (left == 0)
        {
            return grammar.Bytes(ByteSet.Range(lead | from, lead | to));
        }

        var (low, high) = (from >> shift, to >> shift);
        if (low == high)
        {
            return Under(low, from & mask, to & mask);
        }

        var alternatives = new List<GrammarNode>();
        if ((from & mask) != 0)
        {
            alternatives.Add(Under(low++, from & mask, mask));
        }

        if ((to & mask) != mask)
        {
            alternatives.Add(Under(high--, 0, to & mask));
        }

        if (low <= high)
        {
            alternatives.Add(grammar.Join(grammar.Bytes(ByteSet.Range(lead | low, lead | high)), Sequences(grammar, 0, mask, left - 1, 0x80)));
        }

        return grammar.Choice([.. alternatives]);

        GrammarNode Under(int bits, int least, int most) =>
            grammar.Join(grammar.Bytes(ByteSet.Of((byte)(lead | bits))), Sequences(grammar, least, most, left - 1, 0x80));
    }
}
