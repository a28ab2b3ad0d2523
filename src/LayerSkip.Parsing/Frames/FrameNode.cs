using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace LayerSkip.Parsing.Frames;

/// <summary>A node of a frame tree: an intent, a slot or a word. Immutable; equality is structural.</summary>
/// <remarks>Nesting is bounded by <see cref="MaxDepth"/> when a node is made, so every walk over a tree may recurse.</remarks>
public sealed class FrameNode : IEquatable<FrameNode>
{
    /// <summary>The deepest nesting of brackets a tree may have: 256 (TOPv2's deepest parse has 8).</summary>
    public const int MaxDepth = 256;

    internal const string IntentPrefix = "IN:";
    internal const string SlotPrefix = "SL:";

    private readonly int _hash;

    private FrameNode(FrameNodeKind kind, string text, ImmutableArray<FrameNode> children)
    {
        Kind = kind;
        Text = text;
        Children = children;

        var hash = new HashCode();
        hash.Add(kind);
        hash.Add(text, StringComparer.Ordinal);
        foreach (var child in children)
        {
            Depth = Math.Max(Depth, child.Depth);
            hash.Add(child._hash);
        }

        Depth += kind == FrameNodeKind.Word ? 0 : 1;
        _hash = hash.ToHashCode();
    }

    /// <summary>Whether this is a word, an intent or a slot.</summary>
    public FrameNodeKind Kind { get; }

    /// <summary>A word's text, or the label of an intent or slot with its prefix (<c>IN:GET_WEATHER</c>). Never empty; holds no white space and no bracket.</summary>
    public string Text { get; }

    /// <summary>The nodes directly beneath, in order; empty for a word.</summary>
    public ImmutableArray<FrameNode> Children { get; }

    /// <summary>How many brackets are nested at the deepest point: 0 for a word, 1 for a slot of words; at most <see cref="MaxDepth"/>.</summary>
    public int Depth { get; }

    /// <summary>Makes a word.</summary>
    /// <exception cref="ArgumentException">The text is empty, or holds white space, <c>[</c> or <c>]</c>.</exception>
    public static FrameNode Word(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        ThrowIfNotOneToken(text, nameof(text));
        return new FrameNode(FrameNodeKind.Word, text, []);
    }

    /// <summary>Makes an intent.</summary>
    /// <param name="label">The label with its prefix, <c>IN:...</c>. Whether it is well-formed is for <see cref="FrameTree.Validate"/> to say.</param>
    /// <param name="children">The nodes beneath it, in order.</param>
    /// <exception cref="ArgumentException">The label does not begin with <c>IN:</c> or holds white space or brackets; a child is null; or the tree would be deeper than <see cref="MaxDepth"/>.</exception>
    public static FrameNode Intent(string label, params ReadOnlySpan<FrameNode> children) =>
        Bracketed(FrameNodeKind.Intent, IntentPrefix, label, children);

    /// <summary>Makes a slot.</summary>
    /// <param name="label">The label with its prefix, <c>SL:...</c>. Whether it is well-formed is for <see cref="FrameTree.Validate"/> to say.</param>
    /// <param name="children">The nodes beneath it, in order.</param>
    /// <exception cref="ArgumentException">The label does not begin with <c>SL:</c> or holds white space or brackets; a child is null; or the tree would be deeper than <see cref="MaxDepth"/>.</exception>
    public static FrameNode Slot(string label, params ReadOnlySpan<FrameNode> children) =>
        Bracketed(FrameNodeKind.Slot, SlotPrefix, label, children);

    /// <summary>Whether both nodes have the same kind, text and children (ordinal comparison).</summary>
    public bool Equals(FrameNode? other)
    {
        if (ReferenceEquals(this, other))
        {
            return true;
        }

        return other is not null && _hash == other._hash && Kind == other.Kind && Text == other.Text
            && Children.AsSpan().SequenceEqual(other.Children.AsSpan());
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as FrameNode);

    /// <inheritdoc/>
    public override int GetHashCode() => _hash;

    /// <summary>The canonical text: see <see cref="FrameTree.ToString"/>.</summary>
    public override string ToString() => FramePrinter.Print(this);

    /// <summary>White space and brackets end a token of the bracketed text.</summary>
    internal static bool EndsToken(char character) => character is '[' or ']' || char.IsWhiteSpace(character);

    /// <summary>Whether a text can be a word of a tree: not empty, without white space and brackets.</summary>
    internal static bool IsToken([NotNullWhen(true)] string? text)
    {
        foreach (var character in text ?? "")
        {
            if (EndsToken(character))
            {
                return false;
            }
        }

        return !string.IsNullOrEmpty(text);
    }

    /// <summary>Makes a node of parts already known to be sound.</summary>
    internal static FrameNode Trusted(FrameNodeKind kind, string text, ImmutableArray<FrameNode> children) => new(kind, text, children);

    /// <summary>This intent or slot over other children, which are no deeper than its own.</summary>
    internal FrameNode With(ImmutableArray<FrameNode> children) => new(Kind, Text, children);

    private static FrameNode Bracketed(FrameNodeKind kind, string prefix, string label, ReadOnlySpan<FrameNode> children)
    {
        ArgumentNullException.ThrowIfNull(label);
        if (!label.StartsWith(prefix, StringComparison.Ordinal))
        {
            throw new ArgumentException($"Expected a label that begins with {prefix}, found \"{label}\".", nameof(label));
        }

        ThrowIfNotOneToken(label, nameof(label));
        foreach (var child in children)
        {
            if (child is null)
            {
                throw new ArgumentException("A child is null.", nameof(children));
            }

            if (child.Depth >= MaxDepth)
            {
                throw new ArgumentException($"Brackets may be nested {MaxDepth} deep; this node would be deeper.", nameof(children));
            }
        }

        return new FrameNode(kind, label, [.. children]);
    }

    private static void ThrowIfNotOneToken(string text, string parameter)
    {
        if (!IsToken(text))
        {
            throw new ArgumentException($"Expected one token without white space and brackets, found \"{text}\".", parameter);
        }
    }
}
