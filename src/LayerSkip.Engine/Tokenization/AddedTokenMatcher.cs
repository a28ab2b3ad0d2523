using System.Buffers;
using System.Text;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Tokenization;

/// <summary>Finds added tokens in a text: at the leftmost position the longest one that every character there permits.</summary>
/// <remarks>A trie over UTF-16 code units. The walk at one position is bounded by the longest token, which the loader bounds.</remarks>
internal sealed class AddedTokenMatcher
{
    /// <summary>Longest spelling, in UTF-16 code units: it bounds the walk at one position.</summary>
    public const int MaxSpellingLength = 2000;

    /// <summary>Most nodes of the trie: all spellings together are shorter.</summary>
    public const int MaxNodes = 8_000_000;

    private const int Root = 0;

    private readonly Dictionary<(int Node, char Unit), int> _edges = [];
    private readonly List<AddedToken?> _tokens = [null];
    private readonly SearchValues<char> _firstUnits;

    /// <param name="origin">Where the tokens come from, for errors.</param>
    /// <param name="tokens">The tokens with the spelling to look for (raw or normalized); of equal spellings the first one counts.</param>
    /// <exception cref="CheckpointException">A token is too long, or there are too many.</exception>
    public AddedTokenMatcher(string origin, IEnumerable<(string Spelling, AddedToken Token)> tokens)
    {
        var firstUnits = new HashSet<char>();
        foreach (var (spelling, token) in tokens)
        {
            if (spelling.Length == 0)
            {
                continue;
            }

            if (spelling.Length > MaxSpellingLength || _tokens.Count + spelling.Length > MaxNodes)
            {
                throw new CheckpointException(
                    $"{origin}: the added token {token.Id} is {spelling.Length} characters long, expected at most {MaxSpellingLength}, and {MaxNodes} for all added tokens together.");
            }

            firstUnits.Add(spelling[0]);
            var node = Root;
            foreach (var unit in spelling)
            {
                if (!_edges.TryGetValue((node, unit), out var child))
                {
                    child = _tokens.Count;
                    _tokens.Add(null);
                    _edges.Add((node, unit), child);
                }

                node = child;
            }

            _tokens[node] ??= token;
        }

        _firstUnits = SearchValues.Create([.. firstUnits]);
    }

    /// <summary>No spelling to look for.</summary>
    public bool IsEmpty => _edges.Count == 0;

    /// <summary>The first match at or after <paramref name="from"/>, or null.</summary>
    public AddedTokenMatch? Next(ReadOnlySpan<char> text, int from, AddedTokenRules rules)
    {
        var position = from;
        while (position < text.Length)
        {
            var skip = text[position..].IndexOfAny(_firstUnits);
            if (skip < 0)
            {
                return null;
            }

            position += skip;
            var (token, length) = LongestPermitted(text, position, rules);
            if (token is null)
            {
                position++;
            }
            else if (token.IsSingleWord && TouchesWord(text, position, position + length))
            {
                // As the reference does: the occurrence is passed over whole, shorter tokens inside it included.
                position += length;
            }
            else
            {
                return new AddedTokenMatch(
                    token.StripLeft ? from + text[from..position].TrimEnd().Length : position,
                    token.StripRight ? text.Length - text[(position + length)..].TrimStart().Length : position + length,
                    token.Id);
            }
        }

        return null;
    }

    private (AddedToken? Token, int Length) LongestPermitted(ReadOnlySpan<char> text, int start, AddedTokenRules rules)
    {
        var (found, foundLength) = ((AddedToken?)null, 0);
        var strictest = AddedTokenMatching.All;
        var node = Root;
        for (var i = start; i < text.Length && _edges.TryGetValue((node, text[i]), out node); i++)
        {
            strictest = AddedTokenRules.Stricter(strictest, rules[i]);
            if (_tokens[node] is { } token && Permits(strictest, token))
            {
                (found, foundLength) = (token, i + 1 - start);
            }
        }

        return (found, foundLength);
    }

    private static bool Permits(AddedTokenMatching matching, AddedToken token) => matching switch
    {
        AddedTokenMatching.All => true,
        AddedTokenMatching.NonSpecial => !token.IsSpecial,
        _ => token.IsPlainText,
    };

    private static bool TouchesWord(ReadOnlySpan<char> text, int start, int end) =>
        (Rune.DecodeLastFromUtf16(text[..start], out var before, out _) == OperationStatus.Done && UnicodeCategories.IsWord(before))
        || (Rune.DecodeFromUtf16(text[end..], out var after, out _) == OperationStatus.Done && UnicodeCategories.IsWord(after));
}
