using static TorchSharp.torch;

namespace LayerSkip.Recipes.Teacher;

/// <summary>Rows as tensors, padded to the longest.</summary>
internal sealed class ParseBatch
{
    private const float Never = -1e9f;

    public ParseBatch(IReadOnlyList<ParseRow> rows)
    {
        Rows = rows;
        Pieces = Pad(row => row.Pieces);
        PieceMask = Mask(row => row.Pieces.Length, float.NegativeInfinity).view(rows.Count, 1, 1, -1);
        First = Pad(row => row.First);
        Last = Pad(row => row.Last);
        WordMask = Mask(row => row.Words.Length, Never).view(rows.Count, 1, -1);
    }

    public IReadOnlyList<ParseRow> Rows { get; }

    /// <summary>[rows, pieces].</summary>
    public Tensor Pieces { get; }

    /// <summary>[rows, 1, 1, pieces].</summary>
    public Tensor PieceMask { get; }

    /// <summary>[rows, words].</summary>
    public Tensor First { get; }

    /// <summary>[rows, words].</summary>
    public Tensor Last { get; }

    /// <summary>[rows, 1, words].</summary>
    public Tensor WordMask { get; }

    /// <summary>One value for each of a row's, [rows, most]; others where it has fewer.</summary>
    public Tensor Pad(Func<ParseRow, int[]> values, long other = 0)
    {
        var all = Rows.Select(values).ToArray();
        var width = all.Max(row => row.Length);
        return tensor([.. all.SelectMany(row => row.Select(value => (long)value).Concat(Enumerable.Repeat(other, width - row.Length)))], [Rows.Count, width]);
    }

    private Tensor Mask(Func<ParseRow, int> length, float padding)
    {
        var all = Rows.Select(length).ToArray();
        var width = all.Max();
        return tensor([.. all.SelectMany(count => Enumerable.Repeat(0f, count).Concat(Enumerable.Repeat(padding, width - count)))], [Rows.Count, width]);
    }
}
