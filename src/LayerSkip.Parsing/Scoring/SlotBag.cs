using LayerSkip.Parsing.Frames;

namespace LayerSkip.Parsing.Scoring;

/// <summary>The slots of a tree as a multiset of (label, words beneath).</summary>
internal sealed class SlotBag
{
    private readonly Dictionary<(string Label, string Words), int> _counts = [];

    public SlotBag(FrameTree tree)
    {
        // Words hold no spaces, so the joined words tell two lists of words apart; each slot covers one stretch of them.
        var words = tree.Words();
        var starts = new int[words.Count + 1];
        for (var i = 0; i < words.Count; i++)
        {
            starts[i + 1] = starts[i] + words[i].Length + 1;
        }

        var leaf = 0;
        Add(tree.Root, string.Join(' ', words), starts, ref leaf);
    }

    /// <summary>How many slots there are.</summary>
    public int Count { get; private set; }

    /// <summary>The size of the intersection.</summary>
    public int CommonWith(SlotBag other)
    {
        var common = 0;
        foreach (var (slot, count) in _counts)
        {
            common += Math.Min(count, other._counts.GetValueOrDefault(slot));
        }

        return common;
    }

    private void Add(FrameNode node, string words, int[] starts, ref int leaf)
    {
        var first = leaf;
        foreach (var child in node.Children)
        {
            if (child.Kind == FrameNodeKind.Word)
            {
                leaf++;
            }
            else
            {
                Add(child, words, starts, ref leaf);
            }
        }

        if (node.Kind == FrameNodeKind.Slot)
        {
            var covered = leaf > first ? words[starts[first]..(starts[leaf] - 1)] : "";
            var slot = (node.Text, covered);
            _counts[slot] = _counts.GetValueOrDefault(slot) + 1;
            Count++;
        }
    }
}
