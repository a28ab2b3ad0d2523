using System.Runtime.InteropServices;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.Training.Tokenizers;

/// <summary>Learns merges: again and again the most frequent pair of neighbouring tokens becomes a token.</summary>
/// <remarks>
/// Counts are kept, not made anew: a merge changes those of the pairs around it alone. The queue holds each pair with a count that may be too
/// high by now, never too low; a pair that comes up too early goes back with the true one. So all merges together take time n log n in the
/// distinct words' length, however long a word is.
/// </remarks>
internal sealed class MergeLearner
{
    private readonly BpeTrainerOptions _options;
    private readonly HashSet<string> _taken; // spellings that no merge may make
    private readonly List<string> _spellings = [];
    private readonly List<(int Left, int Right)> _merges = [];
    private readonly SymbolNode[] _nodes; // all words, one behind the other
    private readonly long[] _wordCounts;
    private readonly Dictionary<(int Left, int Right), PairOccurrences> _pairs = [];
    private readonly List<(int Left, int Right)> _newPairs = []; // since the last merge
    private readonly PriorityQueue<PairOccurrences, PairPriority> _queue = new();

    /// <param name="words">Words in GPT-2's byte alphabet, and how often each occurs.</param>
    /// <param name="options">Valid.</param>
    /// <exception cref="ArgumentException">The words are too long for one array.</exception>
    public MergeLearner(IReadOnlyDictionary<string, long> words, BpeTrainerOptions options)
    {
        _options = options;
        _taken = options.AddedTokens.Select(token => token.Content).ToHashSet(StringComparer.Ordinal);
        for (var value = 0; value < BpeTrainerOptions.ByteTokens; value++)
        {
            _spellings.Add(ByteLevelAlphabet.CharacterOf((byte)value).ToString());
        }

        var symbols = words.Sum(word => (long)word.Key.Length);
        if (symbols > Array.MaxLength)
        {
            throw new ArgumentException($"The texts' distinct words have {symbols} bytes, expected at most {Array.MaxLength}.", nameof(words));
        }

        _nodes = new SymbolNode[symbols];
        _wordCounts = [.. words.Values];
        ReadWords(words.Keys);
    }

    /// <summary>Spellings of the bytes and, behind them, of the merges, by id.</summary>
    public IReadOnlyList<string> Spellings => _spellings;

    /// <summary>The ids that each merge joins, in order.</summary>
    public IReadOnlyList<(int Left, int Right)> Merges => _merges;

    /// <summary>Learns up to <paramref name="count"/> merges; fewer where no pair is left.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public void Learn(int count, CancellationToken cancellationToken)
    {
        EnqueueNewPairs();
        while (_merges.Count < count && _queue.TryDequeue(out var pair, out var priority))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (pair.Count < priority.Count)
            {
                Enqueue(pair, priority.Left, priority.Right);
                continue;
            }

            var spelling = _spellings[priority.Left] + _spellings[priority.Right];
            if (_taken.Contains(spelling))
            {
                continue; // one spelling cannot have two ids
            }

            _spellings.Add(spelling);
            _merges.Add((priority.Left, priority.Right));
            Merge(priority.Left, priority.Right, pair.Places);
            _pairs.Remove((priority.Left, priority.Right));
            EnqueueNewPairs();
        }
    }

    private void ReadWords(IEnumerable<string> words)
    {
        var place = 0;
        foreach (var (number, word) in words.Index())
        {
            var tokens = ByteLevelAlphabet.TryGetBytes(word)!; // a byte's id is its value
            for (var i = 0; i < tokens.Length; i++, place++)
            {
                _nodes[place] = new SymbolNode
                {
                    Token = tokens[i],
                    Previous = i > 0 ? place - 1 : SymbolNode.None,
                    Next = i + 1 < tokens.Length ? place + 1 : SymbolNode.None,
                    Word = number,
                };
                if (i > 0)
                {
                    Add(tokens[i - 1], tokens[i], place - 1);
                }
            }
        }
    }

    // Ascending places are left to right in every word: of overlapping occurrences, as in "aaa", the leftmost merges.
    private void Merge(int left, int right, List<int> places)
    {
        var merged = _spellings.Count - 1;
        foreach (var place in places)
        {
            ref var node = ref _nodes[place];
            if (node.Token != left || node.Next == SymbolNode.None || _nodes[node.Next].Token != right)
            {
                continue;
            }

            ref var absorbed = ref _nodes[node.Next];
            var (previous, next) = (node.Previous, absorbed.Next);
            absorbed.Token = SymbolNode.None;
            node.Token = merged;
            node.Next = next;
            if (previous != SymbolNode.None)
            {
                Remove(_nodes[previous].Token, left, previous);
                Add(_nodes[previous].Token, merged, previous);
            }

            if (next != SymbolNode.None)
            {
                _nodes[next].Previous = place;
                Remove(right, _nodes[next].Token, place);
                Add(merged, _nodes[next].Token, place);
            }
        }
    }

    private void Add(int left, int right, int place)
    {
        ref var pair = ref CollectionsMarshal.GetValueRefOrAddDefault(_pairs, (left, right), out var exists);
        if (!exists)
        {
            pair = new PairOccurrences();
            _newPairs.Add((left, right));
        }

        pair!.Count += _wordCounts[_nodes[place].Word];
        pair.Places.Add(place);
    }

    // The place stays listed: whoever comes to it sees that the pair is gone.
    private void Remove(int left, int right, int place) => _pairs[(left, right)].Count -= _wordCounts[_nodes[place].Word];

    private void EnqueueNewPairs()
    {
        foreach (var (left, right) in _newPairs)
        {
            Enqueue(_pairs[(left, right)], left, right);
        }

        _newPairs.Clear();
    }

    private void Enqueue(PairOccurrences pair, int left, int right)
    {
        if (pair.Count >= _options.MinPairFrequency && _spellings[left].Length + _spellings[right].Length <= _options.MaxTokenBytes)
        {
            _queue.Enqueue(pair, new PairPriority(pair.Count, left, right));
        }
    }
}
