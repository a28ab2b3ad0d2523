namespace LayerSkip.Cli.Evaluation;

/// <summary>Chooses rows evenly spread over all there are.</summary>
internal static class RowSample
{
    /// <summary>Indices of the rows, ascending; the same for the same arguments.</summary>
    /// <param name="rows">Rows there are.</param>
    /// <param name="count">Rows wanted; all where there are not more.</param>
    /// <param name="seed">Chooses the first row; every other follows at the same distance.</param>
    public static int[] Spread(int rows, int count, int seed)
    {
        if (count >= rows)
        {
            return [.. Enumerable.Range(0, rows)];
        }

        var offset = new Random(seed).NextDouble();
        return [.. Enumerable.Range(0, count).Select(index => (int)((index + offset) * rows / count))];
    }
}
