using System.Collections.Immutable;
using System.Globalization;
using LayerSkip.Parsing.Frames;

namespace LayerSkip.Parsing.Forms;

/// <summary>Writes index trees: drops the words of intents and replaces each run of words in a slot by its place in the utterance, or quotes it.</summary>
internal sealed class SpanWriter
{
    private readonly Locate _locate;
    private int _leaf;

    private SpanWriter(Locate locate) => _locate = locate;

    /// <summary>The position in the utterance where a run of words begins, or -1 where the run must be quoted.</summary>
    /// <param name="run">The words; at least one.</param>
    /// <param name="firstLeaf">The 0-based index of the run's first word among all leaves of the tree.</param>
    public delegate int Locate(ReadOnlySpan<string> run, int firstLeaf);

    /// <summary>The index tree of a decoupled or full tree.</summary>
    public static FrameTree Write(FrameTree tree, Locate locate) => new(new SpanWriter(locate).Write(tree.Root));

    /// <summary>A word between double quotes: unlike a position, whatever the word is.</summary>
    public static string Quote(string word) => $"\"{word}\"";

    private FrameNode Write(FrameNode node)
    {
        var children = ImmutableArray.CreateBuilder<FrameNode>(node.Children.Length);
        var run = new List<string>();
        foreach (var child in node.Children)
        {
            if (child.Kind == FrameNodeKind.Word)
            {
                run.Add(child.Text);
            }
            else
            {
                EndRun(node.Kind, run, children);
                children.Add(Write(child));
            }
        }

        EndRun(node.Kind, run, children);
        return node.With(children.DrainToImmutable());
    }

    private void EndRun(FrameNodeKind parent, List<string> run, ImmutableArray<FrameNode>.Builder children)
    {
        if (parent == FrameNodeKind.Slot && run.Count > 0)
        {
            var first = _locate(run.ToArray(), _leaf);
            if (first >= 0)
            {
                children.Add(Position(first));
                children.Add(Position(first + run.Count - 1));
            }
            else
            {
                children.AddRange(run.Select(word => FrameNode.Word(Quote(word))));
            }
        }

        _leaf += run.Count;
        run.Clear();
    }

    private static FrameNode Position(int position) => FrameNode.Word(position.ToString(CultureInfo.InvariantCulture));
}
