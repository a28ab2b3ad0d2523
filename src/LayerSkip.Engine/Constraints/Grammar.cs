using System.Runtime.CompilerServices;
using System.Text;
using LayerSkip.Engine.Constraints.Nodes;

namespace LayerSkip.Engine.Constraints;

/// <summary>Builds languages of texts from smaller ones, for a <see cref="TokenConstraint"/>. Safe for concurrent use.</summary>
/// <remarks>Texts are sequences of bytes, UTF-8 where they are given as strings. A node may be part of several others of the same grammar.</remarks>
public sealed class Grammar
{
    // Words of memory beyond which what has been derived is forgotten and found anew: hostile grammars may take time, but not all memory.
    private const long MaxWords = 4L << 20;

    [ThreadStatic]
    private static long t_work;

    private readonly Lock _gate = new();
    private readonly HashSet<GrammarNode> _nodes = new(SameParts.Instance);
    private readonly Dictionary<ByteSet, ByteClasses> _classes = [];
    private readonly List<GrammarNode> _derived = [];
    private int _created;
    private long _words;
    private long _work;

    /// <summary>Creates an empty grammar.</summary>
    public Grammar()
    {
        Nothing = Intern(new NothingNode(this));
        Empty = Intern(new EmptyNode(this));
    }

    /// <summary>No text: an alternative that never applies.</summary>
    public GrammarNode Nothing { get; }

    /// <summary>The empty text.</summary>
    public GrammarNode Empty { get; }

    /// <summary>How many nodes have been made, those that decoding derived included.</summary>
    internal int NodeCount => _created;

    /// <summary>What making nodes has cost so far, those that were known already included: a unit for each node and for each part that it may have many of.</summary>
    internal long Work => Interlocked.Read(ref _work);

    /// <summary>What making nodes, of whatever grammar, has cost the calling thread so far: what others make at the same time is not among it.</summary>
    internal static long ThreadWork => t_work;

    /// <summary>Bytes of the nodes that are remembered, about.</summary>
    internal long MemoryBytes => Interlocked.Read(ref _words) * sizeof(long);

    /// <summary>Exactly this text.</summary>
    /// <param name="text">The text, perhaps empty.</param>
    public GrammarNode Literal(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Literal(Encoding.UTF8.GetBytes(text), Empty);
    }

    /// <summary>One of these texts.</summary>
    /// <param name="texts">The texts; equal ones count once.</param>
    public GrammarNode OneOf(IEnumerable<string> texts)
    {
        ArgumentNullException.ThrowIfNull(texts);
        var sorted = texts.Distinct().Select(Encoding.UTF8.GetBytes).ToArray();
        Array.Sort(sorted, (x, y) => x.AsSpan().SequenceCompareTo(y));
        return Tree(sorted, 0);
    }

    /// <summary>One of these languages.</summary>
    /// <param name="alternatives">Of this grammar; none: no text at all.</param>
    public GrammarNode Choice(params ReadOnlySpan<GrammarNode> alternatives)
    {
        var distinct = new List<GrammarNode>(alternatives.Length);
        foreach (var alternative in alternatives)
        {
            Require(alternative, nameof(alternatives));
            if (alternative is ChoiceNode choice)
            {
                distinct.AddRange(choice.Alternatives);
            }
            else if (!alternative.IsNothing)
            {
                distinct.Add(alternative);
            }
        }

        distinct.Sort((x, y) => x.Id.CompareTo(y.Id));
        var count = 0;
        for (var i = 0; i < distinct.Count; i++)
        {
            if (count == 0 || !ReferenceEquals(distinct[count - 1], distinct[i]))
            {
                distinct[count++] = distinct[i];
            }
        }

        return count switch
        {
            0 => Nothing,
            1 => distinct[0],
            _ => Intern(new ChoiceNode(this, [.. distinct.Take(count)])),
        };
    }

    /// <summary>These languages one after another.</summary>
    /// <param name="parts">Of this grammar; none: the empty text.</param>
    public GrammarNode Sequence(params ReadOnlySpan<GrammarNode> parts)
    {
        var result = Empty;
        for (var i = parts.Length - 1; i >= 0; i--)
        {
            Require(parts[i], nameof(parts));
            result = Join(parts[i], result);
        }

        return result;
    }

    /// <summary>A language or the empty text.</summary>
    /// <param name="node">Of this grammar.</param>
    public GrammarNode Optional(GrammarNode node) => Choice(Empty, node);

    /// <summary>A language several times over.</summary>
    /// <param name="node">Of this grammar.</param>
    /// <param name="min">Least number, at least 0.</param>
    /// <param name="max">Greatest number, at least <paramref name="min"/>; null: endless.</param>
    public GrammarNode Repeat(GrammarNode node, int min = 0, int? max = null)
    {
        Require(node, nameof(node));
        ArgumentOutOfRangeException.ThrowIfNegative(min);
        ArgumentOutOfRangeException.ThrowIfLessThan(max ?? min, min, nameof(max));
        return max == 0 || node is EmptyNode || (node.IsNothing && min == 0) ? Empty
            : node.IsNothing || (min == 1 && max == 1) ? node
            : Intern(new RepeatNode(this, node, min, max ?? RepeatNode.Endless));
    }

    /// <summary>Any text, special tokens in between included.</summary>
    public GrammarNode Text() => Automaton(TextAutomata.Watch([], ending: null), 0);

    /// <summary>Free text up to the first occurrence of a trigger, which is its end. Special tokens may stand anywhere in it.</summary>
    /// <param name="trigger">The trigger; not empty.</param>
    /// <param name="others">Further triggers: text that comes to one of them first is no part of the language.</param>
    public GrammarNode TextUntil(string trigger, params ReadOnlySpan<string> others)
    {
        ArgumentException.ThrowIfNullOrEmpty(trigger);
        return Automaton(TextAutomata.Watch([trigger, .. others], ending: 0), 0);
    }

    /// <summary>Free text in which none of the triggers occurs. Special tokens may stand anywhere in it.</summary>
    /// <param name="triggers">The triggers; none empty.</param>
    public GrammarNode TextWithout(params ReadOnlySpan<string> triggers) => Automaton(TextAutomata.Watch([.. triggers], ending: null), 0);

    /// <summary>Free text that begins with none of the triggers. Special tokens may stand anywhere in it.</summary>
    /// <param name="triggers">The triggers; none empty.</param>
    public GrammarNode TextNotBeginningWith(params ReadOnlySpan<string> triggers) => Automaton(TextAutomata.NotBeginningWith([.. triggers]), 0);

    /// <summary>
    /// An aside and what stands behind it, or other text: free text between two marks, perhaps after white space, and then a language; or another
    /// language without the texts that begin with the first mark.
    /// </summary>
    /// <param name="begin">The first mark; not empty, and without white space at its start.</param>
    /// <param name="end">The second mark; not empty.</param>
    /// <param name="behind">What follows the second mark; of this grammar.</param>
    /// <param name="otherwise">The other language; of this grammar.</param>
    public GrammarNode Aside(string begin, string end, GrammarNode behind, GrammarNode otherwise)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(begin);
        Require(behind, nameof(behind));
        Require(otherwise, nameof(otherwise));
        return Choice(
            Unless(otherwise, TextAutomata.NotBeginningWith([begin], " \t\n\r"u8), 0),
            Sequence(Repeat(OneOf([" ", "\t", "\n", "\r"])), Literal(begin), TextUntil(end), behind));
    }

    /// <summary>One special token, which has no text.</summary>
    /// <param name="token">Its id; an id of an ordinary token never occurs.</param>
    public GrammarNode SpecialToken(int token) => Intern(new SpecialTokenNode(this, token));

    /// <summary>The texts that an automaton of the caller's own accepts.</summary>
    /// <param name="state">Where they begin.</param>
    /// <exception cref="ArgumentException">The state's <see cref="TextState.MinBytes"/> is negative, or says that bytes are to come where none may.</exception>
    public GrammarNode Automaton(TextState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        var (bytes, least) = (state.NextBytes, state.MinBytes);
        if (least < 0 || (bytes.IsEmpty && least is not (0 or int.MaxValue)))
        {
            throw new ArgumentException($"{state} says that it takes {least} bytes to end, expected {(bytes.IsEmpty ? "0 or int.MaxValue where none may come next" : "at least 0")}.", nameof(state));
        }

        return least == int.MaxValue ? Nothing : bytes.IsEmpty ? Empty : Intern(new StateNode(this, state, bytes, least));
    }

    internal GrammarNode Bytes(ByteSet set) => set.IsEmpty ? Nothing : Intern(new BytesNode(this, set));

    internal GrammarNode Automaton(ByteAutomaton automaton, int state) =>
        state == ByteAutomaton.Refused || automaton.MinBytes(state) == int.MaxValue ? Nothing
        : automaton.IsLast(state) ? Empty
        : Intern(new AutomatonNode(this, automaton, state));

    /// <summary>A language, as long as an automaton of free text has not refused it.</summary>
    internal GrammarNode Unless(GrammarNode node, ByteAutomaton beginnings, int state) =>
        state == ByteAutomaton.Refused ? Nothing
        : state == beginnings.Count - 1 || node.IsNothing || node is EmptyNode ? node
        : Intern(new UnlessNode(this, node, beginnings, state));

    internal GrammarNode Join(GrammarNode first, GrammarNode second)
    {
        if (first.IsNothing || second.IsNothing)
        {
            return Nothing;
        }

        if (first is EmptyNode)
        {
            return second;
        }

        if (second is EmptyNode)
        {
            return first;
        }

        if (first is not SequenceNode)
        {
            return Intern(new SequenceNode(this, first, second));
        }

        // A loop, since a sequence may be as long as a text.
        var parts = new Stack<GrammarNode>();
        for (; first is SequenceNode sequence; first = sequence.Second)
        {
            parts.Push(sequence.First);
        }

        parts.Push(first);
        while (parts.TryPop(out var part))
        {
            second = Intern(new SequenceNode(this, part, second));
        }

        return second;
    }

    /// <summary>A node is about to remember its derivatives.</summary>
    internal void AddDerived(GrammarNode node, int count)
    {
        lock (_gate)
        {
            _derived.Add(node);
            _words += count;
        }
    }

    internal ByteClasses ClassesOf(ByteSet borders)
    {
        lock (_gate)
        {
            if (!_classes.TryGetValue(borders, out var classes))
            {
                _classes[borders] = classes = new ByteClasses(borders);
            }

            return classes;
        }
    }

    internal void Require(GrammarNode node, string parameter)
    {
        ArgumentNullException.ThrowIfNull(node, parameter);
        if (!ReferenceEquals(node.Grammar, this))
        {
            throw new ArgumentException("The node is of another grammar.", parameter);
        }
    }

    private GrammarNode Literal(ReadOnlySpan<byte> text, GrammarNode rest)
    {
        for (var i = text.Length - 1; i >= 0; i--)
        {
            rest = Join(Bytes(ByteSet.Of(text[i])), rest);
        }

        return rest;
    }

    /// <summary>Sorted texts that agree in their first bytes, as a tree, so that no two alternatives begin alike.</summary>
    private GrammarNode Tree(ReadOnlySpan<byte[]> texts, int depth)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        if (texts.Length == 1)
        {
            return Literal(texts[0].AsSpan(depth), Empty);
        }

        // What all have in common makes no depth.
        var common = texts.Length == 0 ? 0 : texts[0].AsSpan(depth).CommonPrefixLength(texts[^1].AsSpan(depth));
        var from = depth + common;
        var alternatives = new List<GrammarNode>();
        for (var start = 0; start < texts.Length;)
        {
            var end = start + 1;
            if (texts[start].Length == from)
            {
                alternatives.Add(Empty);
            }
            else
            {
                while (end < texts.Length && texts[end][from] == texts[start][from])
                {
                    end++;
                }

                alternatives.Add(Join(Bytes(ByteSet.Of(texts[start][from])), Tree(texts[start..end], from + 1)));
            }

            start = end;
        }

        var rest = Choice([.. alternatives]);
        return common == 0 ? rest : Literal(texts[0].AsSpan(depth, common), rest);
    }

    private GrammarNode Intern(GrammarNode node)
    {
        t_work += node.Parts;
        lock (_gate)
        {
            _work += node.Parts;
            if (_nodes.TryGetValue(node, out var known))
            {
                return known;
            }

            if (_words > MaxWords)
            {
                Forget();
            }

            node.Id = _created++;
            _nodes.Add(node);
            _words += GrammarNode.Words + node.Parts;
            return node;
        }
    }

    private void Forget()
    {
        foreach (var node in _derived)
        {
            node.Forget();
        }

        // Equal nodes made before and after are then two, which costs work and nothing else.
        _nodes.Clear();
        _derived.Clear();
        _classes.Clear();
        _words = 0;
    }

    private sealed class SameParts : IEqualityComparer<GrammarNode>
    {
        public static SameParts Instance { get; } = new();

        public bool Equals(GrammarNode? x, GrammarNode? y) => ReferenceEquals(x, y) || (x is not null && y is not null && x.IsSame(y));

        public int GetHashCode(GrammarNode node) => node.ShallowHash();
    }
}
