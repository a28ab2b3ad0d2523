namespace LayerSkip.Engine.Checkpoints;

/// <summary>Finds the names a file does hold that look most like one it does not, for the error that says so.</summary>
internal static class ClosestNames
{
    private const int MaxSuggestions = 3;

    // A hostile file may hold millions of names of any length: the search is cut, the error is not.
    private const int MaxCandidates = 20_000;
    private const int MaxNameLength = 160;

    /// <summary>Up to three of <paramref name="candidates"/>, nearest first by edit distance, ties in their own order.</summary>
    public static IReadOnlyList<string> To(string name, IEnumerable<string> candidates) =>
        [.. candidates
            .Take(MaxCandidates)
            .Where(candidate => candidate.Length <= MaxNameLength)
            .OrderBy(candidate => EditDistance(name, candidate))
            .Take(MaxSuggestions)];

    /// <summary>Levenshtein distance: the fewest single-character insertions, deletions and replacements.</summary>
    /// <param name="from">Any string.</param>
    /// <param name="to">At most 160 characters.</param>
    public static int EditDistance(string from, string to)
    {
        // distances[j]: from the first i characters of `from` to the first j of `to`.
        Span<int> distances = stackalloc int[MaxNameLength + 1];
        for (var j = 0; j <= to.Length; j++)
        {
            distances[j] = j;
        }

        for (var i = 1; i <= from.Length; i++)
        {
            var diagonal = distances[0];
            distances[0] = i;
            for (var j = 1; j <= to.Length; j++)
            {
                var replaced = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
                diagonal = distances[j];
                distances[j] = Math.Min(replaced, 1 + Math.Min(diagonal, distances[j - 1]));
            }
        }

        return distances[to.Length];
    }
}
