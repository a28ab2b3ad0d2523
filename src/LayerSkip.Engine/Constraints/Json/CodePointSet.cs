namespace LayerSkip.Engine.Constraints.Json;

/// <summary>A set of Unicode scalar values, and what a JSON string spells them with.</summary>
/// <remarks>
/// Sets that a pattern describes by what they lack end at U+FFFF: of characters beyond, readers disagree whether they are one or two.
/// </remarks>
internal sealed class CodePointSet
{
    private const int Max = 0x10FFFF;
    private const int MaxBasic = 0xFFFF;

    // Ascending, apart, without surrogates.
    private readonly List<(int First, int Last)> _ranges;

    private CodePointSet(List<(int First, int Last)> ranges) => _ranges = ranges;

    public static CodePointSet All { get; } = Of((0, Max));

    /// <summary>What <c>.</c> matches: all but the line ends.</summary>
    public static CodePointSet Dot { get; } = Of((0, 9), (11, 12), (14, 0x2027), (0x202A, MaxBasic));

    public static CodePointSet Digits { get; } = Of(('0', '9'));

    public static CodePointSet WordCharacters { get; } = Of(('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z'));

    public static CodePointSet WhiteSpace { get; } =
        Of((9, 13), (32, 32), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF));

    public static CodePointSet Of(params ReadOnlySpan<(int First, int Last)> ranges)
    {
        var sorted = ranges.ToArray();
        Array.Sort(sorted);
        var merged = new List<(int First, int Last)>();
        foreach (var (first, last) in sorted)
        {
            if (merged.Count > 0 && first <= merged[^1].Last + 1)
            {
                merged[^1] = (merged[^1].First, Math.Max(merged[^1].Last, last));
            }
            else
            {
                merged.Add((first, last));
            }
        }

        return new(Without(merged, 0xD800, 0xDFFF));
    }

    public CodePointSet Or(CodePointSet other) => Of([.. _ranges, .. other._ranges]);

    /// <summary>The other characters up to U+FFFF.</summary>
    public CodePointSet Complement()
    {
        var ranges = new List<(int First, int Last)>();
        var next = 0;
        foreach (var (first, last) in _ranges)
        {
            if (first > next && next <= MaxBasic)
            {
                ranges.Add((next, Math.Min(first - 1, MaxBasic)));
            }

            next = last + 1;
        }

        if (next <= MaxBasic)
        {
            ranges.Add((next, MaxBasic));
        }

        return Of([.. ranges]);
    }

    /// <summary>One of the characters, each in its one usual spelling: escaped only where JSON requires it.</summary>
    public GrammarNode Spelled(Grammar grammar)
    {
        var alternatives = new List<GrammarNode>();
        var plain = default(ByteSet);
        foreach (var (first, last) in _ranges)
        {
            for (var character = first; character <= Math.Min(last, 0x7F); character++)
            {
                if (character is >= 0x20 and not ('"' or '\\'))
                {
                    plain |= ByteSet.Of((byte)character);
                }
                else
                {
                    alternatives.Add(grammar.Literal(JsonSpelling.Escape((char)character)));
                }
            }

            if (last >= 0x80)
            {
                Utf8Ranges.Add(grammar, Math.Max(first, 0x80), last, alternatives);
            }
        }

        return grammar.Choice([grammar.Bytes(plain), .. alternatives]);
    }

    private static List<(int First, int Last)> Without(List<(int First, int Last)> ranges, int from, int to)
    {
        var rest = new List<(int First, int Last)>();
        foreach (var (first, last) in ranges)
        {
            if (first < from)
            {
                rest.Add((first, Math.Min(last, from - 1)));
            }

            if (last > to)
            {
                rest.Add((Math.Max(first, to + 1), last));
            }
        }

        return rest;
    }
}
