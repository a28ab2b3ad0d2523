using System.Text;
using System.Text.RegularExpressions;

namespace LayerSkip.Training.Tests.Tokenizers;

/// <summary>BPE training by the book: all pairs are counted anew for every merge. Tokens are strings of characters 0..255, one a byte.</summary>
internal static partial class NaiveBpe
{
    /// <summary>Learns merges.</summary>
    /// <param name="texts">Well-formed texts.</param>
    /// <param name="count">Most merges.</param>
    /// <param name="minFrequency">How often a pair must occur.</param>
    /// <param name="maxBytes">Longest token.</param>
    /// <param name="addedTokens">Spellings at which texts are cut; none may begin as another does.</param>
    public static List<(string Left, string Right)> Learn(
        IEnumerable<string> texts, int count, long minFrequency, int maxBytes, params string[] addedTokens)
    {
        var words = texts
            .SelectMany(text => addedTokens.Length == 0 ? [text] : text.Split(addedTokens, StringSplitOptions.None)) // none would mean white space
            .SelectMany(stretch => Words().Matches(stretch))
            .Select(word => Encoding.UTF8.GetBytes(word.Value).Select(value => ((char)value).ToString()).ToList())
            .ToList();
        var ids = Enumerable.Range(0, 256).ToDictionary(value => ((char)value).ToString(), value => value);
        var merges = new List<(string, string)>();
        while (merges.Count < count)
        {
            var best = words
                .SelectMany(word => word.Zip(word.Skip(1)))
                .GroupBy(pair => pair)
                .Where(pairs => pairs.Count() >= minFrequency && (pairs.Key.First + pairs.Key.Second).Length <= maxBytes)
                .OrderByDescending(pairs => pairs.Count())
                .ThenBy(pairs => ids[pairs.Key.First])
                .ThenBy(pairs => ids[pairs.Key.Second])
                .FirstOrDefault();
            if (best is null)
            {
                break;
            }

            var (left, right) = best.Key;
            merges.Add((left, right));
            ids.Add(left + right, ids.Count);
            foreach (var word in words)
            {
                for (var i = 0; i + 1 < word.Count; i++)
                {
                    if (word[i] == left && word[i + 1] == right)
                    {
                        word[i] = left + right;
                        word.RemoveAt(i + 1);
                    }
                }
            }
        }

        return merges;
    }

    [GeneratedRegex(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", RegexOptions.CultureInvariant)]
    private static partial Regex Words();
}
