using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.AI.StructuredOutput;

/// <summary>The constraints of recent requests: what they have learned of their masks serves the next request of the same form. Safe for concurrent use.</summary>
internal sealed class ConstraintCache(Tokenizer tokenizer)
{
    private const int Capacity = 32;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Lazy<TokenConstraint>> _constraints = [];

    // From the least to the most recently used.
    private readonly LinkedList<string> _order = new();

    /// <summary>The constraint of a language.</summary>
    /// <param name="key">Whatever decides the language.</param>
    /// <param name="language">Builds the language where the key is new.</param>
    /// <exception cref="ArgumentException">The language has no text, or its builder says what is wrong.</exception>
    public TokenConstraint Get(string key, Func<Grammar, GrammarNode> language)
    {
        Lazy<TokenConstraint>? constraint;
        lock (_gate)
        {
            if (_constraints.TryGetValue(key, out constraint))
            {
                _order.Remove(key);
            }
            else
            {
                constraint = _constraints[key] = new(() => new TokenConstraint(language(new Grammar()), tokenizer));
                if (_constraints.Count > Capacity)
                {
                    _constraints.Remove(_order.First!.Value);
                    _order.RemoveFirst();
                }
            }

            _order.AddLast(key);
        }

        // Outside the lock: a large schema takes its time.
        return constraint.Value;
    }
}
