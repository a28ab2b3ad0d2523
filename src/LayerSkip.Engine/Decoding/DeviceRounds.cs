using LayerSkip.Engine.Decoding.Drafting;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Decoding;

/// <summary>The rounds of <see cref="SelfSpeculation"/> that a device runs as a whole: to the same result, with one wait.</summary>
/// <remarks>A device knows nothing of a constraint. What the full model would write without one is what it writes with it, up to where that is banned.</remarks>
/// <param name="plan">What ends the output, and how deep it runs.</param>
/// <param name="memory">What drafts choose among.</param>
/// <param name="tokens">Context and draft.</param>
/// <param name="constraint">What may be written: one that leaves all choices to the model.</param>
/// <param name="draw">How tokens are drawn; null: the likeliest is taken.</param>
/// <param name="controller">Judges guesses by their likelihood.</param>
internal sealed class DeviceRounds(
    DecodingPlan plan, SequenceMemory memory, Transcript tokens, ConstraintTrace? constraint, TokenDraw? draw, IDraftController controller)
{
    private const int LongestPause = 16;

    // Rounds that run step by step before the next one that the device runs, and how many they will be where that one is cut short, too.
    private int _stepwise;
    private int _pause = 1;

    /// <summary>
    /// Whether the device is to run the next round: it can make the draft, by layers alone and without a look at other exits, and the model does not keep running into what a constraint bans.
    /// </summary>
    public bool Takes(in DraftPlan draft) => _stepwise == 0 && draft.Survey is null && (draft.ExitLayer > 0 || draft.Length == 0);

    /// <summary>A round has been run step by step.</summary>
    public void RanStepwise() => _stepwise = Math.Max(0, _stepwise - 1);

    /// <summary>The round behind a context of which all but the last token is in the cache.</summary>
    /// <param name="cache">The sequence's cache.</param>
    /// <param name="draft">What to draft.</param>
    /// <param name="exit">Layers that the draft runs.</param>
    /// <param name="room">Most tokens of the draft.</param>
    /// <param name="drafted">Takes the draft's tokens.</param>
    public DeviceRound Begin(KvCache cache, in DraftPlan draft, int exit, int room, int[] drafted) => new(
        cache, tokens.With(0)[^1], tokens.Count - 1, exit, plan.Depth, draft.Length, room, memory.DraftHead, plan.StopIds, draw, controller.LastBelow ?? 0, drafted);

    /// <summary>Takes what came of a round.</summary>
    /// <returns>
    /// The draft, how many of its tokens the full model confirmed, and its own next token, if there is one: -1 where it can choose none. Where a constraint bans what it chose, or
    /// leaves nothing to write, only what comes before, and no token of its own.
    /// </returns>
    public (PreparedDraft Draft, int Accepted, int? Next) End(in DeviceRound round, in DeviceRoundResult result)
    {
        var (count, accepted, next) = result;
        for (var i = 0; i < accepted; i++)
        {
            tokens.Draft(i, round.Draft[i]);
        }

        // Nothing follows a stop token, so it alone needs no row.
        var rows = count > 0 && plan.StopIds.AsSpan().Contains(round.Draft[count - 1]) ? count - 1 : count;
        var draft = new PreparedDraft(round.ExitLayer, count, Guessed: count, rows, CoarseRows: 0, Passes: 1 + rows);
        if (constraint is not null)
        {
            constraint.BeginRound(tokens.Room);
            var allowed = constraint.Follow(round.Draft.AsSpan(0, accepted));
            if (allowed < accepted || constraint.IsComplete(accepted) || (next >= 0 && !constraint.Allows(accepted, next.Value)))
            {
                // What it would write by itself is known, and banned: it has to be asked what else.
                (_stepwise, _pause) = (_pause, Math.Min(2 * _pause, LongestPause));
                return (draft, allowed, null);
            }

            _pause = 1;
        }

        return (draft, accepted, next);
    }
}
