namespace LayerSkip.Engine.Constraints;

/// <summary>Makes an automaton of what several languages have in common, less what others hold.</summary>
internal static class AutomatonBuilder
{
    // Nodes made, each as many times as it has alternatives.
    private const int MaxWork = 1_000_000;

    /// <param name="all">Languages of one grammar, of all of which a text must be.</param>
    /// <param name="none">Languages of the same grammar, of none of which it may be.</param>
    /// <param name="maxStates">Most states.</param>
    /// <returns>The automaton, whose start is state 0, or null where it would have more states or takes too much to make.</returns>
    public static ByteAutomaton? Intersect(IReadOnlyList<GrammarNode> all, IReadOnlyList<GrammarNode> none, int maxStates)
    {
        var states = new Dictionary<Point, int>();
        var points = new List<Point>();
        var steps = new List<(int From, int First, int Size, int To)>();
        var borders = default(ByteSet);
        var grammar = all[0].Grammar;
        var last = Grammar.ThreadWork + MaxWork;
        if (Add(new Point([.. all, .. none])) is null)
        {
            return null;
        }

        for (var from = 0; from < points.Count; from++)
        {
            var parts = points[from].Parts;
            var own = default(ByteSet);
            foreach (var part in parts)
            {
                own |= part.Borders;
            }

            borders |= own;
            var classes = grammar.ClassesOf(own);
            for (var index = 0; index < classes.Count; index++)
            {
                if (Grammar.ThreadWork > last)
                {
                    return null;
                }

                var first = classes.First(index);
                var next = Array.ConvertAll(parts, part => part.Next(first));
                if (next.Take(all.Count).Any(part => part.IsNothing))
                {
                    continue;
                }

                if (Add(new Point(next)) is not { } to)
                {
                    return null;
                }

                steps.Add((from, first, classes.Size(index), to));
            }
        }

        var shared = new ByteClasses(borders);
        var table = new int[points.Count * shared.Count];
        Array.Fill(table, ByteAutomaton.Refused);
        foreach (var (from, first, size, to) in steps)
        {
            for (var index = shared.Of((byte)first); index < shared.Count && shared.First(index) < first + size; index++)
            {
                table[(from * shared.Count) + index] = to;
            }
        }

        var accepts = points.Select(point => point.Parts.Index().All(part => part.Item.IsNullable == (part.Index < all.Count))).ToArray();
        return new ByteAutomaton(shared, table, accepts);

        int? Add(Point point)
        {
            if (states.TryGetValue(point, out var known))
            {
                return known;
            }

            if (points.Count == maxStates)
            {
                return null;
            }

            points.Add(point);
            return states[point] = points.Count - 1;
        }
    }

    /// <summary>Where each of the languages stands.</summary>
    private readonly record struct Point(GrammarNode[] Parts)
    {
        public bool Equals(Point other) => Parts.AsSpan().SequenceEqual(other.Parts);

        public override int GetHashCode()
        {
            var hash = new HashCode();
            foreach (var part in Parts)
            {
                hash.Add(part.Id);
            }

            return hash.ToHashCode();
        }
    }
}
