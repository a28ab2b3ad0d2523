namespace LayerSkip.Engine.Checkpoints;

/// <summary>Finds the names a file does hold that look most like one it does not, for the error that says so.</summary>
internal static class ClosestNames
{
    private const int MaxSuggestions = 3;

    // A hostile file may hold millions of names of any length: the search is cut, the error is not.
    private const int MaxCandidates = 20_000;
    private const int MaxNameLength = 160;

    /// <summary>Up to three of <paramref name="candidates"/>, nearest first by edit distance; of equals first those of the same length, then in their own order.</summary>
    public static IReadOnlyList<string> To(string name, IEnumerable<string> candidates) =>
        [.. candidates
            .Take(MaxCandidates)
            .Where(candidate => candidate.Length <= MaxNameLength)
            .OrderBy(candidate => EditDistance(name, candidate))
            .ThenBy(candidate => Math.Abs(candidate.Length - name.Length))
            .Take(MaxSuggestions)];

    /// <summary>The fewest insertions, deletions and replacements of single characters, and swaps of neighbours (none is edited twice).</summary>
    /// <param name="from">Any string.</param>
    /// <param name="to">At most 160 characters.</param>
    public static int EditDistance(string from, string to)
    {
        // row[j]: from the first i characters of `from` to the first j of `to`; before it the rows of i - 1 and i - 2.
        Span<int> row = stackalloc int[MaxNameLength + 1];
        Span<int> last = stackalloc int[MaxNameLength + 1];
        Span<int> lastButOne = stackalloc int[MaxNameLength + 1];
        for (var j = 0; j <= to.Length; j++)
        {
            row[j] = j;
        }

        for (var i = 1; i <= from.Length; i++)
        {
            var free = lastButOne;
            lastButOne = last;
            last = row;
            row = free;
            row[0] = i;
            for (var j = 1; j <= to.Length; j++)
            {
                var replaced = last[j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1);
                row[j] = Math.Min(replaced, 1 + Math.Min(last[j], row[j - 1]));
                if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
                {
                    row[j] = Math.Min(row[j], 1 + lastButOne[j - 2]);
                }
            }
        }

        return row[to.Length];
    }
}
