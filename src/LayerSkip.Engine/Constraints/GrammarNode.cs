using LayerSkip.Engine.Constraints.Nodes;

namespace LayerSkip.Engine.Constraints;

/// <summary>A language of texts: all that may be written from some point on. Made by a <see cref="Grammar"/>; immutable.</summary>
/// <remarks>
/// What may follow once a byte has been read is again a language, the derivative (Brzozowski, 1964). Nodes are interned, so equal
/// states of an answer are one object, a state is kept by keeping a reference, and each derivative is taken once. A sequence nested in a
/// sequence is the stack of an ordinary parser. A node that is not <see cref="NothingNode"/> can always be completed.
/// </remarks>
public abstract class GrammarNode
{
    private ByteClasses? _classes;
    private GrammarNode?[]? _next;

    private protected GrammarNode(Grammar grammar, bool isNullable, int minBytes, ByteSet borders)
    {
        Grammar = grammar;
        IsNullable = isNullable;
        MinBytes = minBytes;
        Borders = borders;
    }

    internal Grammar Grammar { get; }

    /// <summary>Whether the text may end here.</summary>
    internal bool IsNullable { get; }

    /// <summary>Bytes of the shortest text, saturating.</summary>
    internal int MinBytes { get; }

    /// <summary>Where ranges of bytes begin that lead to different derivatives.</summary>
    internal ByteSet Borders { get; }

    /// <summary>Order of creation.</summary>
    internal int Id { get; set; }

    internal bool IsNothing => this is NothingNode;

    /// <summary>What may follow a byte; remembered.</summary>
    internal GrammarNode Next(byte value)
    {
        var classes = _classes ??= Grammar.ClassesOf(Borders);
        var next = _next ??= new GrammarNode?[classes.Count];
        var index = classes.Of(value);
        if (next[index] is { } known)
        {
            return known;
        }

        var derived = Derive(value);
        if (Grammar.MayRemember)
        {
            next[index] = derived;
        }

        return derived;
    }

    /// <summary>The only byte that may come next, or -1 where there is another one or the text may end.</summary>
    internal int OnlyByte()
    {
        if (IsNullable)
        {
            return -1;
        }

        var classes = _classes ??= Grammar.ClassesOf(Borders);
        var only = -1;
        for (var index = 0; index < classes.Count; index++)
        {
            if (!Next(classes.First(index)).IsNothing)
            {
                if (only >= 0 || classes.Size(index) > 1)
                {
                    return -1;
                }

                only = classes.First(index);
            }
        }

        return AllowsSpecialTokens ? -1 : only;
    }

    /// <summary>Whether some special token may come next.</summary>
    internal abstract bool AllowsSpecialTokens { get; }

    /// <summary>What may follow a special token, which has no text.</summary>
    internal abstract GrammarNode DeriveSpecial(int token);

    /// <summary>The language without bounds that a text of <paramref name="bytes"/> bytes cannot reach: it allows the same tokens, and many states share it.</summary>
    internal virtual GrammarNode Unbounded(int bytes) => this;

    private protected abstract GrammarNode Derive(byte value);

    /// <summary>Whether another node, of the same parts, is the same language.</summary>
    internal abstract bool IsSame(GrammarNode other);

    internal abstract int ShallowHash();

    private protected static int Saturating(long bytes) => (int)Math.Min(bytes, int.MaxValue);
}
