using System.Collections.Immutable;
using LayerSkip.Parsing.Frames;

namespace LayerSkip.Parsing.Forms;

/// <summary>
/// The decoupled form: words that are direct children of an intent are dropped, words inside slots are kept:
/// <c>[IN:GET_WEATHER weather in [SL:LOCATION new york ] ]</c> becomes <c>[IN:GET_WEATHER [SL:LOCATION new york ] ]</c>.
/// </summary>
/// <remarks>The dropped words carry no meaning for whoever acts on the frame, and a parser need not copy them.</remarks>
public static class DecoupledForm
{
    /// <summary>The decoupled form of a tree in the full form; a tree already decoupled comes back equal.</summary>
    public static FrameTree FromFull(FrameTree full)
    {
        ArgumentNullException.ThrowIfNull(full);
        return new FrameTree(Decouple(full.Root));
    }

    private static FrameNode Decouple(FrameNode node)
    {
        var kept = ImmutableArray.CreateBuilder<FrameNode>(node.Children.Length);
        foreach (var child in node.Children)
        {
            if (child.Kind != FrameNodeKind.Word)
            {
                kept.Add(Decouple(child));
            }
            else if (node.Kind == FrameNodeKind.Slot)
            {
                kept.Add(child);
            }
        }

        return node.With(kept.DrainToImmutable());
    }
}
