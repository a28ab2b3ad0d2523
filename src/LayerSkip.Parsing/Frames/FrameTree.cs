using System.Diagnostics.CodeAnalysis;

namespace LayerSkip.Parsing.Frames;

/// <summary>
/// A task-oriented parse (TOP, Gupta et al. 2018; TOPv2, Chen et al. 2020): a tree of intents, slots and words such as
/// <c>[IN:GET_WEATHER weather in [SL:LOCATION new york ] ]</c>. Immutable; equality is structural.
/// </summary>
/// <remarks>
/// A tree is well bracketed by construction but may still break the rules of task-oriented parses, as a model's output may:
/// <see cref="Validate"/> tells.
/// </remarks>
public sealed class FrameTree : IEquatable<FrameTree>
{
    /// <summary>Makes a tree of its root.</summary>
    /// <exception cref="ArgumentException">The root is a word.</exception>
    public FrameTree(FrameNode root)
    {
        ArgumentNullException.ThrowIfNull(root);
        if (root.Kind == FrameNodeKind.Word)
        {
            throw new ArgumentException($"A tree's root has brackets; found the word \"{root.Text}\".", nameof(root));
        }

        Root = root;
    }

    /// <summary>The root: an intent in a valid tree, a slot at worst.</summary>
    public FrameNode Root { get; }

    /// <summary>Whether the tree keeps all rules that <see cref="Validate"/> checks.</summary>
    public bool IsValid => Validate() is null;

    /// <summary>Reads a bracketed parse, in time linear in its length.</summary>
    /// <param name="text">
    /// One tree. Tokens are separated by white space of any kind and amount; brackets always open or close a node and may touch their neighbours;
    /// the label, with its prefix <c>IN:</c> or <c>SL:</c>, follows its <c>[</c> directly.
    /// </param>
    /// <exception cref="FrameFormatException">
    /// The text is empty, opens with a word, has a bracket without a partner, a label without a known prefix, text after the root, or brackets
    /// nested deeper than <see cref="FrameNode.MaxDepth"/>.
    /// </exception>
    public static FrameTree Parse(ReadOnlySpan<char> text) =>
        FrameParser.Read(text, out var error) is { } root ? new FrameTree(root) : throw new FrameFormatException(error.Message, error.Position);

    /// <summary>Reads a bracketed parse as <see cref="Parse"/> does; false, without an exception, where that would throw.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, [NotNullWhen(true)] out FrameTree? tree)
    {
        tree = FrameParser.Read(text, out _) is { } root ? new FrameTree(root) : null;
        return tree is not null;
    }

    /// <summary>
    /// The first rule, in reading order, that the tree breaks; null for a valid tree. The rules: the root is an intent; an intent holds words and
    /// slots, a slot words and intents; a label is its prefix, a letter A-Z, then letters A-Z, digits and underscores.
    /// </summary>
    public FrameViolation? Validate() => FrameValidator.FirstViolation(Root);

    /// <summary>The words at the leaves, in order.</summary>
    public IReadOnlyList<string> Words()
    {
        var words = new List<string>();
        Collect(Root, words);
        return words;

        static void Collect(FrameNode node, List<string> words)
        {
            foreach (var child in node.Children)
            {
                if (child.Kind == FrameNodeKind.Word)
                {
                    words.Add(child.Text);
                }
                else
                {
                    Collect(child, words);
                }
            }
        }
    }

    /// <summary>The canonical text, as TOPv2 writes it: one space between tokens, <c>[</c> joined to its label: <c>[IN:GET_WEATHER [SL:LOCATION new york ] ]</c>.</summary>
    public override string ToString() => FramePrinter.Print(Root);

    /// <summary>
    /// The tree for people: a line for each intent, slot and run of words, indented by box characters; lines end in <c>\n</c>, the last one in nothing.
    /// Control characters are shown as U+FFFD, so that a stranger's text cannot steer a terminal.
    /// </summary>
    public string Draw() => FramePrinter.Draw(Root);

    /// <summary>Whether both trees have the same nodes in the same order: the canonical texts are equal.</summary>
    public bool Equals(FrameTree? other) => other is not null && Root.Equals(other.Root);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as FrameTree);

    /// <inheritdoc/>
    public override int GetHashCode() => Root.GetHashCode();
}
