namespace LayerSkip.Engine.Constraints;

/// <summary>A deterministic finite automaton over bytes. A state from which no text is accepted is none.</summary>
internal sealed class ByteAutomaton
{
    /// <summary>No state: the text is refused.</summary>
    public const int Refused = -1;

    private readonly ByteClasses _classes;
    private readonly int[] _next; // [state, class]
    private readonly bool[] _accepts;
    private readonly int[] _minBytes;
    private readonly ByteSet[] _borders;

    /// <param name="classes">Bytes that the automaton does not tell apart.</param>
    /// <param name="next">[state, class]: the state after a byte of the class, or <see cref="Refused"/>. Transitions to states that lead nowhere are removed.</param>
    /// <param name="accepts">For each state, whether the text may end there.</param>
    /// <param name="allowsSpecialTokens">Whether special tokens, which have no text, may stand anywhere.</param>
    public ByteAutomaton(ByteClasses classes, int[] next, bool[] accepts, bool allowsSpecialTokens = false)
    {
        _classes = classes;
        _next = next;
        _accepts = accepts;
        AllowsSpecialTokens = allowsSpecialTokens;
        _minBytes = Distances();
        _borders = new ByteSet[accepts.Length];
        for (var state = 0; state < accepts.Length; state++)
        {
            for (var index = 0; index < classes.Count; index++)
            {
                ref var to = ref next[(state * classes.Count) + index];
                to = to == Refused || _minBytes[to] == int.MaxValue ? Refused : to;
                if (index > 0 && to != next[(state * classes.Count) + index - 1])
                {
                    _borders[state] |= ByteSet.Of(classes.First(index));
                }
            }
        }
    }

    public bool AllowsSpecialTokens { get; }

    /// <summary>How many states there are.</summary>
    public int Count => _accepts.Length;

    public int Next(int state, byte value) => _next[(state * _classes.Count) + _classes.Of(value)];

    public bool Accepts(int state) => _accepts[state];

    /// <summary>Bytes of the shortest text that is accepted from a state on; <see cref="int.MaxValue"/> where there is none.</summary>
    public int MinBytes(int state) => _minBytes[state];

    /// <summary>Whether the text must end here.</summary>
    public bool IsLast(int state) => _accepts[state] && !_next.AsSpan(state * _classes.Count, _classes.Count).ContainsAnyExcept(Refused);

    public ByteSet Borders(int state) => _borders[state];

    private int[] Distances()
    {
        var before = new List<int>[_accepts.Length];
        for (var state = 0; state < before.Length; state++)
        {
            before[state] = [];
        }

        for (var state = 0; state < before.Length; state++)
        {
            var last = Refused;
            foreach (var to in _next.AsSpan(state * _classes.Count, _classes.Count))
            {
                if (to != Refused && to != last)
                {
                    before[to].Add(state);
                }

                last = to;
            }
        }

        var distances = new int[before.Length];
        var queue = new Queue<int>();
        for (var state = 0; state < distances.Length; state++)
        {
            distances[state] = _accepts[state] ? 0 : int.MaxValue;
            if (_accepts[state])
            {
                queue.Enqueue(state);
            }
        }

        while (queue.TryDequeue(out var state))
        {
            foreach (var from in before[state])
            {
                if (distances[from] == int.MaxValue)
                {
                    distances[from] = distances[state] + 1;
                    queue.Enqueue(from);
                }
            }
        }

        return distances;
    }
}
