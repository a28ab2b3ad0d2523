using System.Runtime.CompilerServices;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Parsing.Frames;

namespace LayerSkip.Parsing.Grounding;

/// <summary>The labels that frames may have.</summary>
internal sealed class FrameLabels
{
    private static readonly ConditionalWeakTable<Tokenizer, FrameLabels> s_known = [];

    /// <param name="labels">The labels, each one that <see cref="FrameValidator.IsLabel"/> accepts.</param>
    public FrameLabels(IEnumerable<string> labels)
    {
        foreach (var label in labels)
        {
            (label.StartsWith(FrameNode.SlotPrefix, StringComparison.Ordinal) ? Slots : Intents).Add(label);
        }
    }

    private FrameLabels()
    {
    }

    /// <summary>All that <see cref="FrameTree.Validate"/> accepts.</summary>
    public static FrameLabels Any { get; } = new() { Intents = LabelNode.Any(FrameNode.IntentPrefix), Slots = LabelNode.Any(FrameNode.SlotPrefix) };

    /// <summary>The labels of intents.</summary>
    public LabelNode Intents { get; private init; } = new();

    /// <summary>The labels of slots.</summary>
    public LabelNode Slots { get; private init; } = new();

    /// <summary>Those that a tokenizer has tokens for; any where it has none for intents, or none for slots.</summary>
    public static FrameLabels Of(Tokenizer tokenizer) => s_known.GetValue(tokenizer, static tokenizer =>
    {
        var labels = new FrameLabels(List(tokenizer));
        return labels is { Intents.MinBytes: < int.MaxValue, Slots.MinBytes: < int.MaxValue } ? labels : Any;
    });

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
}
