using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Library;

/// <summary>Python's <c>split</c> and <c>rsplit</c>. The pieces keep the origin of every character.</summary>
internal static class TextSplitting
{
    /// <param name="text">The text to cut.</param>
    /// <param name="separator">Where to cut; null for runs of white space, which also go at the ends.</param>
    /// <param name="limit">Cuts at most; negative for no limit.</param>
    /// <param name="fromRight">Whether the cuts count from the right.</param>
    /// <param name="budget">The rendering's budget.</param>
    public static ListValue Split(StringValue text, StringValue? separator, int limit, bool fromRight, RenderBudget budget)
    {
        if (separator is { Text.Length: 0 })
        {
            throw new JinjaException("'split' needs a separator that is not empty.");
        }

        var pieces = separator is null ? Words(text.Text, budget) : Pieces(text.Text, separator.Text, fromRight, budget);
        if (limit >= 0 && pieces.Count > limit)
        {
            pieces = fromRight
                ? [(0, pieces[^(limit + 1)].End), .. pieces.TakeLast(limit)]
                : [.. pieces.Take(limit), (pieces[limit].Start, text.Text.Length)];
        }

        budget.Spend(pieces.Count);
        return new ListValue([.. pieces.Select(piece => text.Substring(piece.Start, piece.End - piece.Start, budget))]);
    }

    private static List<(int Start, int End)> Words(string text, RenderBudget budget)
    {
        budget.SpendCharacters(text.Length);
        var words = new List<(int, int)>();
        for (var start = 0; start < text.Length; start++)
        {
            if (CodePoints.IsSpace(text[start]))
            {
                continue;
            }

            var end = start;
            while (end < text.Length && !CodePoints.IsSpace(text[end]))
            {
                end++;
            }

            Add(words, (start, end), budget);
            start = end;
        }

        return words;
    }

    // Occurrences that overlap are told apart by the side the search starts from: 'aaa'.rsplit('aa') is ['a', ''].
    private static List<(int Start, int End)> Pieces(string text, string separator, bool fromRight, RenderBudget budget)
    {
        budget.SpendSearch(text, separator);
        var pieces = new List<(int, int)>();
        if (fromRight)
        {
            var end = text.Length;
            for (int found; (found = text.AsSpan(0, end).LastIndexOf(separator)) >= 0; end = found)
            {
                Add(pieces, (found + separator.Length, end), budget);
            }

            Add(pieces, (0, end), budget);
            pieces.Reverse();
        }
        else
        {
            var start = 0;
            for (int found; (found = text.IndexOf(separator, start, StringComparison.Ordinal)) >= 0; start = found + separator.Length)
            {
                Add(pieces, (start, found), budget);
            }

            Add(pieces, (start, text.Length), budget);
        }

        return pieces;
    }

    private static void Add(List<(int, int)> pieces, (int, int) piece, RenderBudget budget)
    {
        pieces.Add(piece);
        budget.CheckItemCount(pieces.Count);
    }
}
