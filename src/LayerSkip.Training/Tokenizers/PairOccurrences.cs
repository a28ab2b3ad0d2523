namespace LayerSkip.Training.Tokenizers;

/// <summary>Where two tokens stand side by side.</summary>
internal sealed class PairOccurrences
{
    /// <summary>How often, over all texts.</summary>
    public long Count { get; set; }

    /// <summary>Places of the left token, ascending; some may be stale: the pair stands there no more.</summary>
    public List<int> Places { get; } = [];
}
