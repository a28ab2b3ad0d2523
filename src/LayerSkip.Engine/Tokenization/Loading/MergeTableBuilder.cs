using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Tokenization.Bpe;

namespace LayerSkip.Engine.Tokenization.Loading;

/// <summary>Collects merges in order of their rank, checking that both parts and the result are tokens.</summary>
internal sealed class MergeTableBuilder(Vocabulary vocabulary, string origin)
{
    private const int MaxAmbiguousLength = 256; // bounds the trials of a line that holds many spaces

    private readonly MergeTable _table = new();
    private readonly char[] _merged = new char[2 * Vocabulary.MaxTokenLength];
    private int _rank;

    /// <summary>Adds a merge written as its two parts with a space between.</summary>
    /// <remarks>A part may hold spaces itself; then the line is cut where it makes a merge.</remarks>
    public void Add(ReadOnlySpan<char> line)
    {
        var first = line.IndexOf(' ');
        var last = line.Length <= MaxAmbiguousLength ? line.LastIndexOf(' ') : first;
        for (var space = first; space >= 0 && space <= last; space++)
        {
            if (line[space] == ' ' && TryAdd(line[..space], line[(space + 1)..]))
            {
                return;
            }
        }

        throw Unexpected(line);
    }

    public void Add(ReadOnlySpan<char> left, ReadOnlySpan<char> right)
    {
        if (!TryAdd(left, right))
        {
            throw Unexpected($"{left} {right}");
        }
    }

    public MergeTable Build() => _table;

    public CheckpointException Unexpected(ReadOnlySpan<char> found) =>
        new($"{origin}: merge {_rank} is {ErrorText.Quote(found)}, expected two tokens of the vocabulary which together are a third.");

    private bool TryAdd(ReadOnlySpan<char> left, ReadOnlySpan<char> right)
    {
        if (!vocabulary.TryGetId(left, out var leftId) || !vocabulary.TryGetId(right, out var rightId))
        {
            return false;
        }

        // Tokens of the vocabulary, hence no longer than the buffer's halves.
        left.CopyTo(_merged);
        right.CopyTo(_merged.AsSpan(left.Length));
        if (!vocabulary.TryGetId(_merged.AsSpan(0, left.Length + right.Length), out var mergedId))
        {
            return false;
        }

        _table.Set(leftId, rightId, _rank++, mergedId);
        return true;
    }
}
