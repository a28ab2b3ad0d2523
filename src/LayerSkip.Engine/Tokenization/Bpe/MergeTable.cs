namespace LayerSkip.Engine.Tokenization.Bpe;

/// <summary>Which pairs of symbols merge, how early, and into what: (left id, right id) to (rank, merged id).</summary>
/// <remarks>
/// Open addressing with linear probing. The multiplier is drawn at random, so that a file cannot be written whose pairs all
/// fall into one place.
/// </remarks>
internal sealed class MergeTable
{
    /// <summary>What <see cref="Find"/> answers for a pair that does not merge; larger than every merge.</summary>
    public const ulong NoMerge = ulong.MaxValue;

    private const ulong EmptyKey = ulong.MaxValue;

    private readonly ulong _multiplier = (ulong)Random.Shared.NextInt64() << 1 | 1;
    private readonly int _shift;
    private readonly ulong[] _keys;
    private readonly ulong[] _merges;

    /// <param name="capacity">How many merges will be set at most.</param>
    public MergeTable(int capacity)
    {
        var bits = 4;
        while ((1L << bits) < 2L * capacity)
        {
            bits++;
        }

        _shift = 64 - bits;
        _keys = new ulong[1L << bits];
        _keys.AsSpan().Fill(EmptyKey);
        _merges = new ulong[1L << bits];
    }

    /// <summary>Sets the merge of a pair; a later one replaces an earlier one.</summary>
    public void Set(int left, int right, int rank, int merged)
    {
        var slot = Slot(Key(left, right));
        _keys[slot] = Key(left, right);
        _merges[slot] = (ulong)rank << 32 | (uint)merged;
    }

    /// <summary>The pair's merge, ordered by rank: rank in the upper, merged id in the lower 32 bits; or <see cref="NoMerge"/>.</summary>
    public ulong Find(int left, int right)
    {
        var slot = Slot(Key(left, right));
        return _keys[slot] == EmptyKey ? NoMerge : _merges[slot];
    }

    /// <summary>All merges, in no order.</summary>
    public IEnumerable<(int Left, int Right, int Rank, int Merged)> Entries()
    {
        for (var slot = 0; slot < _keys.Length; slot++)
        {
            if (_keys[slot] != EmptyKey)
            {
                yield return ((int)(_keys[slot] >> 32), (int)(uint)_keys[slot], (int)(_merges[slot] >> 32), (int)(uint)_merges[slot]);
            }
        }
    }

    private static ulong Key(int left, int right) => (ulong)(uint)left << 32 | (uint)right;

    private int Slot(ulong key)
    {
        var slot = (int)(key * _multiplier >> _shift);
        while (_keys[slot] != key && _keys[slot] != EmptyKey)
        {
            slot = (slot + 1) & (_keys.Length - 1);
        }

        return slot;
    }
}
