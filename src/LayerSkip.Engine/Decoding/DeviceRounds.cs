using LayerSkip.Engine.Decoding.Drafting;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Decoding;

/// <summary>The rounds of <see cref="SelfSpeculation"/> that a device runs as a whole: to the same result, with one wait.</summary>
/// <param name="plan">What ends the output, and how deep it runs.</param>
/// <param name="memory">What drafts choose among.</param>
/// <param name="tokens">Context and draft.</param>
/// <param name="draw">How tokens are drawn; null: the likeliest is taken.</param>
/// <param name="controller">Judges guesses by their likelihood.</param>
internal sealed class DeviceRounds(
    DecodingPlan plan, SequenceMemory memory, Transcript tokens, TokenDraw? draw, IDraftController controller)
{
    /// <summary>Whether a device can make this draft: by layers alone, and without a look at other exits.</summary>
    public static bool Takes(in DraftPlan draft) => draft.Survey is null && (draft.ExitLayer > 0 || draft.Length == 0);

    /// <summary>The round behind a context of which all but the last token is in the cache.</summary>
    /// <param name="cache">The sequence's cache.</param>
    /// <param name="draft">What to draft.</param>
    /// <param name="exit">Layers that the draft runs.</param>
    /// <param name="room">Most tokens of the draft.</param>
    /// <param name="drafted">Takes the draft's tokens.</param>
    public DeviceRound Begin(KvCache cache, in DraftPlan draft, int exit, int room, int[] drafted) => new(
        cache, tokens.With(0)[^1], tokens.Count - 1, exit, plan.Depth, draft.Length, room, memory.DraftHead, plan.StopIds, draw, controller.LastBelow ?? 0, drafted);

    /// <summary>Takes what came of a round.</summary>
    /// <returns>The draft, how many of its tokens the full model confirmed, and its own next token, if there is one: -1 where it can choose none.</returns>
    public (PreparedDraft Draft, int Accepted, int? Next) End(in DeviceRound round, in DeviceRoundResult result)
    {
        var (count, accepted, next) = result;
        for (var i = 0; i < accepted; i++)
        {
            tokens.Draft(i, round.Draft[i]);
        }

        // Nothing follows a stop token, so it alone needs no row.
        var rows = count > 0 && plan.StopIds.AsSpan().Contains(round.Draft[count - 1]) ? count - 1 : count;
        return (new(round.ExitLayer, count, Guessed: count, rows, Passes: 1 + rows), accepted, next);
    }
}
