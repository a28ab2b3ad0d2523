using LayerSkip.Parsing.Frames;

namespace LayerSkip.Parsing.Scoring;

/// <summary>How well predicted parses match their references over a number of rows: plain counts, and the shares they make. Immutable; add with <c>+</c>.</summary>
/// <remarks>
/// Shares lie in [0, 1]; a share of nothing (no rows, no predicted slots) is 0. A prediction that is no valid tree counts as a row and, slots
/// missed, in the recall; in nothing else.
/// </remarks>
public sealed record FrameScores
{
    /// <summary>No rows: the zero of addition.</summary>
    public static FrameScores None { get; } = new();

    /// <summary>Rows scored.</summary>
    public long Rows { get; init; }

    /// <summary>Predictions that parse and keep every rule of <see cref="FrameTree.Validate"/>.</summary>
    public long ValidTrees { get; init; }

    /// <summary>Predictions whose tree equals the reference's.</summary>
    public long ExactMatches { get; init; }

    /// <summary>Predictions whose root intent is the reference's.</summary>
    public long IntentMatches { get; init; }

    /// <summary>Slots in all valid predictions, nested ones included.</summary>
    public long PredictedSlots { get; init; }

    /// <summary>Slots in all references, nested ones included.</summary>
    public long ReferenceSlots { get; init; }

    /// <summary>Predicted slots that match a slot of their row's reference: same label and same words beneath it, in order; each reference slot is matched once.</summary>
    public long MatchedSlots { get; init; }

    /// <summary>Share of rows whose prediction is a valid tree.</summary>
    public double TreeValidity => Share(ValidTrees, Rows);

    /// <summary>Share of rows whose predicted tree equals the reference.</summary>
    public double ExactMatch => Share(ExactMatches, Rows);

    /// <summary>Share of rows with the right root intent.</summary>
    public double IntentAccuracy => Share(IntentMatches, Rows);

    /// <summary>Share of predicted slots that are right, over all rows together (micro average).</summary>
    public double SlotPrecision => Share(MatchedSlots, PredictedSlots);

    /// <summary>Share of reference slots that were found, over all rows together (micro average).</summary>
    public double SlotRecall => Share(MatchedSlots, ReferenceSlots);

    /// <summary>Harmonic mean of <see cref="SlotPrecision"/> and <see cref="SlotRecall"/>.</summary>
    public double SlotF1 => Share(2 * MatchedSlots, PredictedSlots + ReferenceSlots);

    /// <summary>The scores of both sets of rows together.</summary>
    public static FrameScores operator +(FrameScores left, FrameScores right)
    {
        ArgumentNullException.ThrowIfNull(left);
        ArgumentNullException.ThrowIfNull(right);
        return new FrameScores
        {
            Rows = left.Rows + right.Rows,
            ValidTrees = left.ValidTrees + right.ValidTrees,
            ExactMatches = left.ExactMatches + right.ExactMatches,
            IntentMatches = left.IntentMatches + right.IntentMatches,
            PredictedSlots = left.PredictedSlots + right.PredictedSlots,
            ReferenceSlots = left.ReferenceSlots + right.ReferenceSlots,
            MatchedSlots = left.MatchedSlots + right.MatchedSlots,
        };
    }

    /// <summary>Scores one row.</summary>
    /// <param name="predicted">The predicted tree, in the reference's form; null where the output did not parse. An invalid tree counts like null.</param>
    /// <param name="reference">The right tree.</param>
    /// <exception cref="ArgumentException">The reference is not valid.</exception>
    public static FrameScores Of(FrameTree? predicted, FrameTree reference)
    {
        ArgumentNullException.ThrowIfNull(reference);
        if (reference.Validate() is { } violation)
        {
            throw new ArgumentException($"The reference is not a valid parse: {violation}.", nameof(reference));
        }

        var wanted = new SlotBag(reference);
        if (predicted is not { IsValid: true })
        {
            return new FrameScores { Rows = 1, ReferenceSlots = wanted.Count };
        }

        var found = new SlotBag(predicted);
        return new FrameScores
        {
            Rows = 1,
            ValidTrees = 1,
            ExactMatches = predicted.Equals(reference) ? 1 : 0,
            IntentMatches = predicted.Root.Text == reference.Root.Text ? 1 : 0,
            PredictedSlots = found.Count,
            ReferenceSlots = wanted.Count,
            MatchedSlots = found.CommonWith(wanted),
        };
    }

    private static double Share(long part, long whole) => whole == 0 ? 0 : (double)part / whole;
}
