using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Decoding.Drafting;

/// <summary>Makes a round's draft: the first layers guess it, or it is looked up, which is a draft with no layers at all. The slots keep the exit states.</summary>
/// <param name="model">The model.</param>
/// <param name="plan">What ends the output, and how deep it runs.</param>
/// <param name="tokens">Context and draft.</param>
/// <param name="constraint">What may be written.</param>
/// <param name="controller">Judges guesses.</param>
/// <param name="steps">The round's steps on the device.</param>
internal sealed class Drafter(
    IDeviceModel model, DecodingPlan plan, Transcript tokens, ConstraintTrace? constraint, IDraftController controller, RoundSteps steps)
{
    /// <summary>Makes a draft behind the input, of which no layer has run.</summary>
    /// <param name="rows">Slots for the input and the draft, placed.</param>
    /// <param name="draft">What to draft.</param>
    /// <param name="match">What the context could be continued with.</param>
    /// <param name="room">Most tokens of the draft, forced ones included.</param>
    /// <param name="inputs">Tokens before it that are not in the cache yet.</param>
    /// <param name="cancellationToken">Looked at between layers.</param>
    public PreparedDraft Draft(RowBuffer rows, in DraftPlan draft, in LookupMatch match, int room, int inputs, CancellationToken cancellationToken) =>
        draft is { ExitLayer: 0, Length: > 0 }
            ? ByLookup(rows, match, draft.Length, room, inputs)
            : ByExit(rows, draft.Length, ExitOf(draft), room, inputs, cancellationToken);

    /// <summary>Layers that a draft runs, which are none where nothing is to be guessed.</summary>
    public int ExitOf(in DraftPlan draft) => draft.Length > 0 ? Math.Min(draft.ExitLayer, plan.Depth) : 0;

    /// <summary>Has the first layers guess tokens one by one. What a constraint forces rides along with the token before it.</summary>
    private PreparedDraft ByExit(RowBuffer rows, int length, int exit, int room, int inputs, CancellationToken cancellationToken)
    {
        var drafted = AddForced(0, room);
        model.Embed(rows, 0, tokens.Slice(tokens.Count - inputs, inputs + drafted));
        steps.RunLayers(rows, 0, inputs + drafted, 0, exit, unread: 0, cancellationToken);
        var last = inputs - 1 + drafted;
        var guessed = 0;
        var passes = 1;
        var goesOn = true;
        while (goesOn && guessed < length && drafted < room && constraint?.IsComplete(drafted) != true)
        {
            if (steps.Guess(rows, last, drafted, exit) is not { } guess)
            {
                break;
            }

            var verdict = controller.Judge(guess, guessed, drafted);
            if (verdict == GuessVerdict.Drop)
            {
                break;
            }

            tokens.Draft(drafted, guess.Token);
            constraint?.Advance(drafted, guess.Token);
            drafted++;
            guessed++;
            if (IsStop(guess.Token))
            {
                // Nothing follows a stop token, so it alone needs no row.
                break;
            }

            var added = 1 + AddForced(drafted, room);
            model.Embed(rows, last + 1, tokens.Slice(tokens.Count + drafted - 1, added));
            steps.RunLayers(rows, last + 1, added, 0, exit, unread: 0, cancellationToken);
            drafted += added - 1;
            last += added;
            passes++;
            goesOn = verdict == GuessVerdict.Continue;
        }

        return new(exit, drafted, guessed, last - inputs + 1, passes);
    }

    /// <summary>Copies what followed an earlier occurrence of the context's end, as far as a constraint allows it.</summary>
    private PreparedDraft ByLookup(RowBuffer rows, in LookupMatch match, int length, int room, int inputs)
    {
        var copied = tokens.Slice(match.Position, match.Available);
        var (drafted, guessed) = (0, 0);
        var stops = false;
        for (var i = 0; i < copied.Length && !stops && drafted < room && constraint?.IsComplete(drafted) != true; i++)
        {
            var token = copied[i];
            if (constraint?.Force(drafted) is { } forced)
            {
                // Where it forces another token, the copy ends, but not what it forces.
                tokens.Draft(drafted++, forced);
                if (forced != token)
                {
                    break;
                }

                continue;
            }

            if (guessed == length || constraint?.Allows(drafted, token) == false)
            {
                break;
            }

            constraint?.Advance(drafted, token);
            tokens.Draft(drafted++, token);
            guessed++;
            stops = IsStop(token);
        }

        drafted += stops ? 0 : AddForced(drafted, room);
        var followed = stops ? drafted - 1 : drafted;
        model.Embed(rows, 0, tokens.Slice(tokens.Count - inputs, inputs + followed));
        return new(Exit: 0, drafted, guessed, followed, Passes: 0);
    }

    /// <summary>Adds to the draft what a constraint leaves no choice about.</summary>
    /// <param name="drafted">Tokens of the draft so far.</param>
    /// <param name="room">Most tokens of a draft.</param>
    /// <returns>How many tokens were added.</returns>
    private int AddForced(int drafted, int room)
    {
        var added = 0;
        while (drafted + added < room && constraint?.Force(drafted + added) is { } token)
        {
            tokens.Draft(drafted + added++, token);
        }

        return added;
    }

    private bool IsStop(int token) => plan.StopIds.AsSpan().Contains(token);
}
