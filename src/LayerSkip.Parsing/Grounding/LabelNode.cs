using LayerSkip.Engine.Constraints;

namespace LayerSkip.Parsing.Grounding;

/// <summary>A point in a label: what the labels that begin so may go on with. Known by reference.</summary>
internal sealed class LabelNode
{
    private readonly Dictionary<byte, LabelNode> _next = [];

    /// <summary>Bytes of the shortest rest.</summary>
    public int MinBytes { get; private set; } = int.MaxValue;

    /// <summary>The bytes that may come next.</summary>
    public ByteSet NextBytes { get; private set; }

    /// <summary>Whether the label may end here.</summary>
    public bool IsEnd => MinBytes == 0;

    /// <summary>Any label that begins so, of those that a frame may have at all.</summary>
    /// <param name="prefix">What it begins with.</param>
    public static LabelNode Any(string prefix)
    {
        var letters = ByteSet.Range('A', 'Z');
        var (start, rest) = (new LabelNode(), new LabelNode { MinBytes = 0 });
        rest.Lead(letters | ByteSet.Range('0', '9') | ByteSet.Of("_"), rest);
        start.Way(prefix, prefix.Length + 1).Lead(letters, rest);
        return start;
    }

    /// <summary>Adds a label.</summary>
    public void Add(string label) => Way(label, label.Length);

    /// <summary>The point behind a byte, one of <see cref="NextBytes"/>.</summary>
    public LabelNode After(byte value) => _next[value];

    /// <summary>The way along some characters, which leads to labels of so many bytes at least.</summary>
    private LabelNode Way(string characters, int length)
    {
        var node = this;
        foreach (var character in characters)
        {
            node.MinBytes = Math.Min(node.MinBytes, length--);
            if (!node._next.TryGetValue((byte)character, out var next))
            {
                node.Lead(ByteSet.Of((byte)character), next = new());
            }

            node = next;
        }

        node.MinBytes = Math.Min(node.MinBytes, length);
        return node;
    }

    private void Lead(ByteSet bytes, LabelNode next)
    {
        NextBytes |= bytes;
        for (var value = 0; value <= byte.MaxValue; value++)
        {
            if (bytes.Contains((byte)value))
            {
                _next[(byte)value] = next;
            }
        }
    }
}
