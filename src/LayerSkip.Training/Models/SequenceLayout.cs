namespace LayerSkip.Training.Models;

/// <summary>Where the sequences of a batch stand in its rows, one after the other without padding.</summary>
internal sealed class SequenceLayout
{
    private readonly int[] _starts; // sequence s has the rows starts[s] .. starts[s + 1] - 1

    /// <param name="lengths">Rows of each sequence, at least 1.</param>
    public SequenceLayout(IReadOnlyList<int> lengths)
    {
        _starts = new int[lengths.Count + 1];
        for (var s = 0; s < lengths.Count; s++)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(lengths[s], 1, nameof(lengths));
            _starts[s + 1] = checked(_starts[s] + lengths[s]);
            Longest = Math.Max(Longest, lengths[s]);
        }
    }

    public int Sequences => _starts.Length - 1;

    public int Rows => _starts[^1];

    /// <summary>Rows of the longest sequence.</summary>
    public int Longest { get; }

    public int Start(int sequence) => _starts[sequence];

    public int Length(int sequence) => _starts[sequence + 1] - _starts[sequence];

    /// <summary>The layout of some of the sequences, brought together.</summary>
    /// <param name="sequences">Their numbers, ascending.</param>
    public SequenceLayout Select(IReadOnlyList<int> sequences) => new([.. sequences.Select(Length)]);
}
