using LayerSkip.Parsing.Frames;

namespace LayerSkip.Parsing.Tests;

/// <summary>Random valid trees in the full form, over few words so that words repeat.</summary>
internal static class RandomFrames
{
    private static readonly string[] Vocabulary = ["a", "b", "c", "to", "5", "\"", "\"x\"", "IN:", "0", "é", "😀", "'s"];

    public static FrameTree Tree(Random random) => new(Intent(random, depth: random.Next(1, 6)));

    private static FrameNode Intent(Random random, int depth) =>
        FrameNode.Intent("IN:I" + random.Next(4), Children(random, depth, Slot));

    private static FrameNode Slot(Random random, int depth) =>
        FrameNode.Slot("SL:S_" + random.Next(4), Children(random, depth, Intent));

    private static FrameNode[] Children(Random random, int depth, Func<Random, int, FrameNode> bracketed)
    {
        var children = new FrameNode[random.Next(0, 5)];
        for (var i = 0; i < children.Length; i++)
        {
            children[i] = depth > 1 && random.Next(3) == 0
                ? bracketed(random, depth - 1)
                : FrameNode.Word(Vocabulary[random.Next(Vocabulary.Length)]);
        }

        return children;
    }
}
