using System.Runtime.CompilerServices;
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
    /// <summary>Words of memory that a node takes, about, without its parts.</summary>
    internal const int Words = 24;

    private ByteClasses? _classes;
    private GrammarNode?[]? _next;
    private UnboundedNode? _unbounded;
    private Completion? _completion;

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

    /// <summary>How many parts there are, where they may be many: what making it costs.</summary>
    internal virtual int Parts => 1;

    internal bool IsNothing => this is NothingNode;

    /// <inheritdoc cref="TextState.MayEndToken"/>
    internal virtual bool MayEndToken => true;

    /// <summary>What may follow a byte; remembered.</summary>
    internal virtual GrammarNode Next(byte value)
    {
        var classes = _classes ??= Grammar.ClassesOf(Borders);
        var index = classes.Of(value);
        if (_next is { } known && known[index] is { } next)
        {
            return next;
        }

        RuntimeHelpers.EnsureSufficientExecutionStack();
        next = Derive(value);
        if (_next is not { } remembered)
        {
            _next = remembered = new GrammarNode?[classes.Count];
            Grammar.AddDerived(this, remembered.Length);
        }

        return remembered[index] = next;
    }

    /// <summary>Forgets what has been derived.</summary>
    internal virtual void Forget() => _next = null;

    /// <summary>The only byte that may come next, or -1 where there is another one or the text may end.</summary>
    internal virtual int OnlyByte()
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

    /// <summary>The first byte of the first in order of the shortest texts, or -1 where they begin with a special token, or are empty.</summary>
    internal virtual int ShortestByte()
    {
        var classes = _classes ??= Grammar.ClassesOf(Borders);
        for (var index = 0; index < classes.Count; index++)
        {
            if (Next(classes.First(index)).MinBytes < MinBytes)
            {
                return classes.First(index);
            }
        }

        return -1;
    }

    /// <summary>Whether some special token may come next.</summary>
    internal abstract bool AllowsSpecialTokens { get; }

    /// <summary>What may follow a special token, which has no text.</summary>
    internal abstract GrammarNode DeriveSpecial(int token);

    /// <summary>The language without bounds that a text of <paramref name="bytes"/> bytes cannot reach: it allows the same tokens, and many states share it.</summary>
    internal GrammarNode Unbounded(int bytes)
    {
        var result = KnownUnbounded(bytes);
        if (result is not null)
        {
            return result;
        }

        // From the parts to the whole, with a stack of its own: languages are deeper than a thread's is.
        var open = new Stack<GrammarNode>();
        open.Push(this);
        while (open.TryPeek(out var node))
        {
            var count = open.Count;
            node.PushBounded(bytes, open);
            if (open.Count == count)
            {
                result = node.WithoutBounds(bytes);
                node._unbounded = new(result, bytes);
                open.Pop();
            }
        }

        return result!;
    }

    /// <summary>What <see cref="Unbounded"/> has found already, or null.</summary>
    internal GrammarNode? KnownUnbounded(int bytes) =>
        !HasBounds ? this
        : _unbounded is { } unbounded && unbounded.Bytes == bytes ? unbounded.Node
        : null;

    /// <summary>How many tokens of a vocabulary complete the text, where that has been counted: see <see cref="CompletionCounter"/>.</summary>
    internal int? KnownCompletion(TokenTrie trie) => _completion is { } completion && ReferenceEquals(completion.Trie, trie) ? completion.Tokens : null;

    /// <summary>Remembers the count.</summary>
    internal void KeepCompletion(TokenTrie trie, int tokens) => _completion = new(trie, tokens);

    /// <summary>Whether there may be bounds to leave out.</summary>
    private protected virtual bool HasBounds => false;

    /// <summary>Adds the parts that must be known without their bounds first.</summary>
    private protected virtual void PushBounded(int bytes, Stack<GrammarNode> open)
    {
    }

    /// <summary>The language without its bounds; <see cref="Unbounded"/> knows those of the parts.</summary>
    private protected virtual GrammarNode WithoutBounds(int bytes) => this;

    private protected abstract GrammarNode Derive(byte value);

    /// <summary>Whether another node, of the same parts, is the same language.</summary>
    internal abstract bool IsSame(GrammarNode other);

    internal abstract int ShallowHash();

    private protected static int Saturating(long bytes) => (int)Math.Min(bytes, int.MaxValue);

    /// <summary>A language without the bounds that so many bytes cannot reach.</summary>
    private sealed record UnboundedNode(GrammarNode Node, int Bytes);

    /// <summary>How many tokens of a vocabulary complete the text.</summary>
    private sealed record Completion(TokenTrie Trie, int Tokens);
}
