using System.Collections.Immutable;
using System.Globalization;
using LayerSkip.Parsing.Frames;

namespace LayerSkip.Parsing.Forms;

/// <summary>Reads index trees: replaces positions by the utterance's words.</summary>
internal sealed class SpanReader
{
    private readonly FrameNode[] _words;
    private int _total;

    public SpanReader(string[] words) => _words = Array.ConvertAll(words, FrameNode.Word);

    /// <summary>What was wrong, once <see cref="Read(FrameTree)"/> has returned null.</summary>
    public string? Error { get; private set; }

    /// <summary>The decoupled tree, or null.</summary>
    public FrameTree? Read(FrameTree index) => Read(index.Root) is { } root ? new FrameTree(root) : null;

    private FrameNode? Read(FrameNode node)
    {
        var children = ImmutableArray.CreateBuilder<FrameNode>();
        for (var i = 0; i < node.Children.Length;)
        {
            var child = node.Children[i];
            if (child.Kind != FrameNodeKind.Word)
            {
                if (Read(child) is not { } subtree)
                {
                    return null;
                }

                children.Add(subtree);
                i++;
            }
            else if (node.Kind == FrameNodeKind.Intent)
            {
                return Fail(node, $"an intent of the index form holds slots only; found \"{FrameParser.Excerpt(child.Text)}\"");
            }
            else if (IsQuoted(child.Text))
            {
                children.Add(FrameNode.Word(child.Text[1..^1]));
                i++;
            }
            else if (AddSpan(node, i, children))
            {
                i += 2;
            }
            else
            {
                return null;
            }
        }

        return node.With(children.DrainToImmutable());
    }

    private bool AddSpan(FrameNode slot, int at, ImmutableArray<FrameNode>.Builder children)
    {
        if (!IsPosition(slot, at, out var first) || !IsPosition(slot, at + 1, out var last))
        {
            return false;
        }

        if (last < first)
        {
            Fail(slot, $"the span {first} {last} ends before it begins");
            return false;
        }

        _total += last - first + 1; // no overflow: a span is no longer than the utterance, and the sum stops at the limit
        if (_total > IndexForm.MaxWords)
        {
            Fail(slot, $"the spans up to here point at {_total} words; at most {IndexForm.MaxWords} are allowed");
            return false;
        }

        children.AddRange(_words.AsSpan(first, last - first + 1));
        return true;
    }

    private bool IsPosition(FrameNode slot, int at, out int position)
    {
        position = -1;
        if (at == slot.Children.Length || slot.Children[at].Kind != FrameNodeKind.Word)
        {
            Fail(slot, "the first position of a span must be followed by its last");
        }
        else if (!int.TryParse(slot.Children[at].Text, NumberStyles.None, CultureInfo.InvariantCulture, out position) || position >= _words.Length)
        {
            Fail(slot, $"expected a position below the utterance's {_words.Length} words or a quoted word, found \"{FrameParser.Excerpt(slot.Children[at].Text)}\"");
            position = -1;
        }

        return position >= 0;
    }

    private FrameNode? Fail(FrameNode node, string what)
    {
        Error = $"{FrameParser.Excerpt(node.Text)}: {what}.";
        return null;
    }

    private static bool IsQuoted(string leaf) => leaf.Length > 2 && leaf[0] == '"' && leaf[^1] == '"';
}
