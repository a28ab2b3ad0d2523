using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.AI.StructuredOutput;

/// <summary>
/// The constraints of recent requests: what they have learned of their masks serves the next request of the same form. Safe for concurrent
/// use, and bounded: those that were not used for longest go, and those that cannot be made are not kept.
/// </summary>
/// <param name="tokenizer">The model's tokenizer.</param>
/// <param name="maxBytes">Bytes of memory that they may take together, about; the one that was asked for last stays whatever it takes.</param>
internal sealed class ConstraintCache(Tokenizer tokenizer, long maxBytes = 256 << 20)
{
    private const int Capacity = 32;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, LinkedListNode<Entry>> _entries = [];

    // From the least to the most recently used.
    private readonly LinkedList<Entry> _order = new();

    /// <summary>How many are kept.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _entries.Count;
            }
        }
    }

    /// <summary>The constraint of a language.</summary>
    /// <param name="key">Whatever decides the language.</param>
    /// <param name="language">Builds the language where the key is new.</param>
    /// <exception cref="ArgumentException">The language has no text, or its builder says what is wrong.</exception>
    public TokenConstraint Get(string key, Func<Grammar, GrammarNode> language)
    {
        LinkedListNode<Entry>? node;
        lock (_gate)
        {
            if (_entries.TryGetValue(key, out node))
            {
                _order.Remove(node);
            }
            else
            {
                node = _entries[key] = new(new(key, new(() => new TokenConstraint(language(new Grammar()), tokenizer))));
            }

            _order.AddLast(node);
            Trim();
        }

        try
        {
            // Outside the lock: a large schema takes its time.
            return node.Value.Constraint.Value;
        }
        catch
        {
            lock (_gate)
            {
                Remove(node);
            }

            throw;
        }
    }

    private void Trim()
    {
        var bytes = _order.Sum(entry => entry.Bytes);
        while (_order.Count > 1 && (_order.Count > Capacity || bytes > maxBytes))
        {
            bytes -= _order.First!.Value.Bytes;
            Remove(_order.First);
        }
    }

    private void Remove(LinkedListNode<Entry> node)
    {
        if (node.List is not null)
        {
            _order.Remove(node);
            _entries.Remove(node.Value.Key);
        }
    }

    private sealed record Entry(string Key, Lazy<TokenConstraint> Constraint)
    {
        /// <summary>What it takes at present: more than when it was made.</summary>
        public long Bytes => (Key.Length * sizeof(char)) + (Constraint.IsValueCreated ? Constraint.Value.ApproximateBytes : 0);
    }
}
