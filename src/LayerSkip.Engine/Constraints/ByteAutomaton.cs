namespace LayerSkip.Engine.Constraints;

/// <summary>A deterministic finite automaton over bytes, of which every state can still be completed.</summary>
internal sealed class ByteAutomaton
{
    /// <summary>No state: the text is refused.</summary>
    public const int Refused = -1;

    private readonly int[] _next; // [state, 256]
    private readonly bool[] _accepts;
    private readonly int[] _minBytes;
    private readonly ByteSet[] _borders;

    /// <param name="next">[state, 256]: the state after a byte, or <see cref="Refused"/>. Transitions to states that lead nowhere are removed.</param>
    /// <param name="accepts">For each state, whether the text may end there.</param>
    /// <param name="allowsSpecialTokens">Whether special tokens, which have no text, may stand anywhere.</param>
    public ByteAutomaton(int[] next, bool[] accepts, bool allowsSpecialTokens = false)
    {
        _next = next;
        _accepts = accepts;
        AllowsSpecialTokens = allowsSpecialTokens;
        _minBytes = Distances(next, accepts);
        _borders = new ByteSet[accepts.Length];
        for (var state = 0; state < accepts.Length; state++)
        {
            for (var value = 0; value < 256; value++)
            {
                ref var to = ref next[(state * 256) + value];
                to = to == Refused || _minBytes[to] == int.MaxValue ? Refused : to;
                if (value > 0 && to != next[(state * 256) + value - 1])
                {
                    _borders[state] |= ByteSet.Of((byte)value);
                }
            }
        }
    }

    public bool AllowsSpecialTokens { get; }

    public int Next(int state, byte value) => _next[(state * 256) + value];

    public bool Accepts(int state) => _accepts[state];

    /// <summary>Bytes of the shortest text that is accepted from a state on; <see cref="int.MaxValue"/> where there is none.</summary>
    public int MinBytes(int state) => _minBytes[state];

    public ByteSet Borders(int state) => _borders[state];

    private static int[] Distances(int[] next, bool[] accepts)
    {
        var before = new List<int>[accepts.Length];
        for (var state = 0; state < accepts.Length; state++)
        {
            before[state] = [];
        }

        for (var state = 0; state < accepts.Length; state++)
        {
            var last = Refused;
            for (var value = 0; value < 256; value++)
            {
                var to = next[(state * 256) + value];
                if (to != Refused && to != last)
                {
                    before[to].Add(state);
                }

                last = to;
            }
        }

        var distances = new int[accepts.Length];
        var queue = new Queue<int>();
        for (var state = 0; state < accepts.Length; state++)
        {
            distances[state] = accepts[state] ? 0 : int.MaxValue;
            if (accepts[state])
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
