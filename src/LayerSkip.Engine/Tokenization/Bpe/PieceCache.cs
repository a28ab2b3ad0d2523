namespace LayerSkip.Engine.Tokenization.Bpe;

/// <summary>The ids of recently encoded short pieces: one entry a slot, the newest wins.</summary>
/// <remarks>
/// Bounded by slots × piece length (some 2 MB at the very worst), so text from strangers can make it useless but not large.
/// Entries are immutable and slots are replaced whole, so any number of threads may share it without a lock.
/// </remarks>
internal sealed class PieceCache
{
    /// <summary>Longest piece that is kept, in characters.</summary>
    public const int MaxPieceLength = 32;

    private const int SlotCount = 8192;

    private readonly Entry?[] _slots = new Entry?[SlotCount];

    public bool TryGet(ReadOnlySpan<char> piece, out int[] ids)
    {
        var entry = Volatile.Read(ref _slots[Slot(piece)]);
        if (entry is not null && piece.SequenceEqual(entry.Piece))
        {
            ids = entry.Ids;
            return true;
        }

        ids = [];
        return false;
    }

    public void Set(ReadOnlySpan<char> piece, ReadOnlySpan<int> ids) =>
        Volatile.Write(ref _slots[Slot(piece)], new Entry(piece.ToString(), ids.ToArray()));

    private static int Slot(ReadOnlySpan<char> piece) => string.GetHashCode(piece) & (SlotCount - 1);

    private sealed record Entry(string Piece, int[] Ids);
}
