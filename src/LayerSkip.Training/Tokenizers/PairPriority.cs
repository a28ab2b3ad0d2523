namespace LayerSkip.Training.Tokenizers;

/// <summary>Orders pairs by when they merge: the most frequent first; of equally frequent ones that of the smaller left id, then of the smaller right id.</summary>
internal readonly record struct PairPriority(long Count, int Left, int Right) : IComparable<PairPriority>
{
    public int CompareTo(PairPriority other)
    {
        var order = other.Count.CompareTo(Count);
        order = order != 0 ? order : Left.CompareTo(other.Left);
        return order != 0 ? order : Right.CompareTo(other.Right);
    }
}
