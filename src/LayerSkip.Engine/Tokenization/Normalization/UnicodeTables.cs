using System.Globalization;

namespace LayerSkip.Engine.Tokenization.Normalization;

/// <summary>Decompositions, compositions and combining classes, read once from <see cref="UnicodeData"/>.</summary>
internal sealed class UnicodeTables
{
    // Hangul syllables: 19 leading consonants × 21 vowels × (27 trailing consonants or none), laid out in order.
    private const int SyllableBase = 0xAC00, LeadBase = 0x1100, VowelBase = 0x1161, TailBase = 0x11A7;
    private const int LeadCount = 19, VowelCount = 21, TailCount = 28, SyllableCount = LeadCount * VowelCount * TailCount;

    private static readonly Lazy<UnicodeTables> Loaded = new(() => new UnicodeTables());

    private readonly Dictionary<int, int[]> _canonical = [];
    private readonly Dictionary<int, int[]> _compatible = [];
    private readonly Dictionary<(int, int), int> _compositions = [];
    private readonly Dictionary<int, int> _classes = [];

    private UnicodeTables()
    {
        foreach (var entry in Entries(UnicodeData.CombiningClasses))
        {
            var colon = entry.IndexOf(':', StringComparison.Ordinal);
            var ends = entry[..colon].Split('-');
            for (var character = Hex(ends[0]); character <= Hex(ends[^1]); character++)
            {
                _classes.Add(character, int.Parse(entry.AsSpan(colon + 1), CultureInfo.InvariantCulture));
            }
        }

        foreach (var entry in Entries(UnicodeData.Decompositions))
        {
            var mark = entry.AsSpan().IndexOfAny('=', '!', '~');
            var character = Hex(entry.AsSpan(0, mark));
            var parts = Array.ConvertAll(entry[(mark + 1)..].Split('+'), part => Hex(part));
            (entry[mark] == '~' ? _compatible : _canonical).Add(character, parts);
            if (entry[mark] == '=')
            {
                _compositions.Add((parts[0], parts[1]), character);
            }
        }
    }

    public static UnicodeTables Instance => Loaded.Value;

    public int CombiningClass(int character) => _classes.GetValueOrDefault(character);

    /// <summary>Appends the full decomposition of a character.</summary>
    public void Decompose(int character, bool isCompatible, List<int> output)
    {
        if (_canonical.TryGetValue(character, out var parts) || (isCompatible && _compatible.TryGetValue(character, out parts)))
        {
            foreach (var part in parts)
            {
                Decompose(part, isCompatible, output);
            }
        }
        else if (character - SyllableBase is >= 0 and < SyllableCount and var syllable)
        {
            output.Add(LeadBase + (syllable / (VowelCount * TailCount)));
            output.Add(VowelBase + (syllable / TailCount % VowelCount));
            if (syllable % TailCount is > 0 and var tail)
            {
                output.Add(TailBase + tail);
            }
        }
        else
        {
            output.Add(character);
        }
    }

    /// <summary>The character that two characters compose into.</summary>
    public bool TryCompose(int first, int second, out int composed)
    {
        if (first - LeadBase is >= 0 and < LeadCount and var lead && second - VowelBase is >= 0 and < VowelCount and var vowel)
        {
            composed = SyllableBase + (((lead * VowelCount) + vowel) * TailCount);
            return true;
        }

        if (first - SyllableBase is >= 0 and < SyllableCount and var syllable && syllable % TailCount == 0
            && second - TailBase is > 0 and < TailCount and var tail)
        {
            composed = first + tail;
            return true;
        }

        return _compositions.TryGetValue((first, second), out composed);
    }

    private static string[] Entries(string data) => data.Split((char[])[' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries);

    private static int Hex(ReadOnlySpan<char> digits) => int.Parse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}
