using System.Collections.Immutable;
using LayerSkip.Parsing.Forms;
using LayerSkip.Parsing.Frames;

namespace LayerSkip.Parsing.Data;

/// <summary>
/// Makes new rows of old ones to train on: the same sentence with other values in its slots, taken from other rows of the domain.
/// <c>remind me to [SL:TODO call mom ] [SL:DATE_TIME at 5 ]</c> becomes <c>remind me to [SL:TODO pay rent ] [SL:DATE_TIME tomorrow ]</c>. Immutable.
/// </summary>
/// <remarks>
/// Only slots that hold words alone are given other values. A value comes with its spelling in its own utterance (<c>5:30pm</c> for the words
/// <c>5 : 30 pm</c>), and as often as rows have it. Labels with few values in a domain keep theirs.
/// </remarks>
public sealed class SlotSwapper
{
    /// <summary>The fewest values, equal ones counted, of a label in a domain that are drawn from: 20.</summary>
    public const int FewestValues = 20;

    private readonly Dictionary<(string Domain, string Label), List<Value>> _values = [];

    /// <param name="rows">Rows whose values are drawn from. Rows whose words are not their utterance's characters are passed over.</param>
    public SlotSwapper(IEnumerable<TopV2Row> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        foreach (var row in rows)
        {
            foreach (var slot in Slots(row))
            {
                if (!_values.TryGetValue((row.Domain, slot.Node.Text), out var values))
                {
                    _values.Add((row.Domain, slot.Node.Text), values = []);
                }

                values.Add(new(row.Utterance[slot.Start..slot.End], slot.Node.Children));
            }
        }
    }

    /// <summary>A row with other values in some of its slots.</summary>
    /// <param name="row">The row.</param>
    /// <param name="share">How likely each slot gets another value, in 0 .. 1.</param>
    /// <param name="random">Draws.</param>
    /// <returns>The new row, of the old one's line; null where no slot got another value.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="share"/> is outside its range.</exception>
    public TopV2Row? Swap(TopV2Row row, double share, Random random)
    {
        ArgumentNullException.ThrowIfNull(row);
        ArgumentNullException.ThrowIfNull(random);
        if (share is not (>= 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(share), share, "The share must lie in 0..1.");
        }

        var utterance = row.Utterance;
        var swapped = new Dictionary<int, ImmutableArray<FrameNode>>();

        // From the last slot to the first, so that the places of those to come still hold.
        foreach (var slot in Slots(row).AsEnumerable().Reverse())
        {
            if (random.NextDouble() < share && _values.TryGetValue((row.Domain, slot.Node.Text), out var values) && values.Count >= FewestValues)
            {
                var value = values[random.Next(values.Count)];
                utterance = string.Concat(utterance.AsSpan(0, slot.Start), value.Text, utterance.AsSpan(slot.End));
                swapped.Add(slot.Start, value.Words);
            }
        }

        return swapped.Count == 0 ? null : row with { Utterance = utterance, Parse = new FrameTree(Replace(row.Parse.Root, Places(row)!, 0, swapped).Node) };
    }

    /// <summary>The slots that hold words alone, in their order, with their places in the utterance.</summary>
    private static List<Slot> Slots(TopV2Row row) => Places(row) is { } places ? Slots(row.Parse.Root, places, 0).Slots : [];

    /// <summary>Where in the utterance each character of the parse's words stands; null where they are not the utterance's, but for white space.</summary>
    private static int[]? Places(TopV2Row row)
    {
        int[] places = [.. Enumerable.Range(0, row.Utterance.Length).Where(i => !char.IsWhiteSpace(row.Utterance[i]))];
        return row.Parse.Words().SelectMany(word => word).SequenceEqual(places.Select(place => UtteranceWords.Written(row.Utterance[place]))) ? places : null;
    }

    /// <param name="node">An intent or a slot.</param>
    /// <param name="places">Of all characters.</param>
    /// <param name="at">The first character of the node.</param>
    private static (List<Slot> Slots, int End) Slots(FrameNode node, int[] places, int at)
    {
        var (slots, start) = (new List<Slot>(), at);
        foreach (var child in node.Children)
        {
            if (child.Kind == FrameNodeKind.Word)
            {
                at += child.Text.Length;
            }
            else
            {
                (var inner, at) = Slots(child, places, at);
                slots.AddRange(inner);
            }
        }

        if (IsSwappable(node))
        {
            slots.Add(new(node, places[start], places[at - 1] + 1));
        }

        return (slots, at);
    }

    private static (FrameNode Node, int End) Replace(FrameNode node, int[] places, int at, Dictionary<int, ImmutableArray<FrameNode>> swapped)
    {
        var (children, start) = (ImmutableArray.CreateBuilder<FrameNode>(node.Children.Length), at);
        foreach (var child in node.Children)
        {
            if (child.Kind == FrameNodeKind.Word)
            {
                children.Add(child);
                at += child.Text.Length;
            }
            else
            {
                (var inner, at) = Replace(child, places, at, swapped);
                children.Add(inner);
            }
        }

        return (node.With(IsSwappable(node) && swapped.TryGetValue(places[start], out var words) ? words : children.DrainToImmutable()), at);
    }

    private static bool IsSwappable(FrameNode node) =>
        node is { Kind: FrameNodeKind.Slot, Children.IsEmpty: false } && node.Children.All(child => child.Kind == FrameNodeKind.Word);

    /// <summary>A slot of a row, from its first character in the utterance to behind its last.</summary>
    private readonly record struct Slot(FrameNode Node, int Start, int End);

    /// <summary>What a slot holds: as typed, and as a parse's words.</summary>
    private readonly record struct Value(string Text, ImmutableArray<FrameNode> Words);
}
