using System.Runtime.CompilerServices;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Parsing.Frames;

namespace LayerSkip.Parsing.Grounding;

/// <summary>The labels that frames may have.</summary>
internal sealed class FrameLabels
{
    private static readonly ConditionalWeakTable<Tokenizer, FrameLabels> s_known = [];

    /// <param name="labels">The labels, each one that the others have.</param>
    /// <param name="others">Those to take of the kind that none of them is of.</param>
    public FrameLabels(IReadOnlyCollection<string> labels, FrameLabels others)
    {
        Intents = Node(FrameNode.IntentPrefix) ?? others.Intents;
        Slots = Node(FrameNode.SlotPrefix) ?? others.Slots;
        AreTokens = others.AreTokens;

        LabelNode? Node(string prefix)
        {
            LabelNode? node = null;
            foreach (var label in labels.Where(label => label.StartsWith(prefix, StringComparison.Ordinal)))
            {
                (node ??= new()).Add(label);
            }

            return node;
        }
    }

    private FrameLabels(LabelNode intents, LabelNode slots) => (Intents, Slots) = (intents, slots);

    /// <summary>All that <see cref="FrameTree.Validate"/> accepts.</summary>
    public static FrameLabels Any { get; } = new(LabelNode.Any(FrameNode.IntentPrefix), LabelNode.Any(FrameNode.SlotPrefix));

    /// <summary>The labels of intents.</summary>
    public LabelNode Intents { get; }

    /// <summary>The labels of slots.</summary>
    public LabelNode Slots { get; }

    /// <summary>Whether each has a token of its own.</summary>
    public bool AreTokens { get; private init; }

    /// <summary>Those that a tokenizer has tokens for; any where it has none for intents, or none for slots.</summary>
    public static FrameLabels Of(Tokenizer tokenizer) => s_known.GetValue(tokenizer, static tokenizer =>
    {
        var labels = List(tokenizer);
        return labels.Any(IsSlot) && !labels.All(IsSlot) ? new FrameLabels(labels, Any) { AreTokens = true } : Any;
    });

    /// <summary>Whether a text is one of them.</summary>
    public bool Has(string? text)
    {
        var node = IsSlot(text) ? Slots : Intents;
        foreach (var character in text ?? "")
        {
            if (!char.IsAscii(character) || !node.NextBytes.Contains((byte)character))
            {
                return false;
            }

            node = node.After((byte)character);
        }

        return node.IsEnd;
    }

    /// <summary>The labels that a tokenizer has added tokens for, in the order of their characters: tokens that open a bracket, <c> [IN:GET_WEATHER</c>, perhaps behind a space.</summary>
    public static SortedSet<string> List(Tokenizer tokenizer)
    {
        var labels = new SortedSet<string>(StringComparer.Ordinal);
        for (var id = 0; id < tokenizer.VocabularySize; id++)
        {
            // A token of the model's own vocabulary may be the beginning of many labels.
            if (tokenizer.IsAdded(id) && tokenizer.GetToken(id)!.TrimStart(' ') is ['[', .. var label] && FrameValidator.IsLabel(label))
            {
                labels.Add(label);
            }
        }

        return labels;
    }

    private static bool IsSlot(string? label) => label?.StartsWith(FrameNode.SlotPrefix, StringComparison.Ordinal) == true;
}
