namespace LayerSkip.Engine.Tokenization.Bpe;

/// <summary>Which pairs of symbols merge, how early, and into what: (left id, right id) to (rank, merged id).</summary>
/// <remarks>
/// Open addressing with linear probing, at most half full. The multiplier is drawn at random, so that a file cannot be written whose
/// pairs all fall into one place.
/// </remarks>
internal sealed class MergeTable
{
    /// <summary>What <see cref="Find"/> answers for a pair that does not merge; larger than every merge.</summary>
    public const ulong NoMerge = ulong.MaxValue;

    private const ulong EmptyKey = ulong.MaxValue;

    private readonly ulong _multiplier = (ulong)Random.Shared.NextInt64() << 1 | 1;
    private ulong[] _keys = [];
    private ulong[] _merges = [];
    private int _shift;
    private int _count;

    public MergeTable() => Resize(bits: 4);

    /// <summary>Sets the merge of a pair; a later one replaces an earlier one.</summary>
    public void Set(int left, int right, int rank, int merged) => Set(Key(left, right), (ulong)rank << 32 | (uint)merged);

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

    private void Set(ulong key, ulong merge)
    {
        var slot = Slot(key);
        if (_keys[slot] == EmptyKey)
        {
            if (_count == _keys.Length / 2)
            {
                Resize(65 - _shift);
                slot = Slot(key);
            }

            _keys[slot] = key;
            _count++;
        }

        _merges[slot] = merge;
    }

    private void Resize(int bits)
    {
        var (keys, merges) = (_keys, _merges);
        _shift = 64 - bits;
        _count = 0;
        _keys = new ulong[1 << bits];
        _keys.AsSpan().Fill(EmptyKey);
        _merges = new ulong[1 << bits];
        for (var slot = 0; slot < keys.Length; slot++)
        {
            if (keys[slot] != EmptyKey)
            {
                Set(keys[slot], merges[slot]);
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
