using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Decoding.Drafting;

/// <summary>Makes a round's draft: the first layers guess it, or it is looked up, which is a draft with no layers at all. The slots keep the exit states.</summary>
/// <remarks>It goes step by step, so that a step can be run together with those of other sequences.</remarks>
/// <param name="model">The model.</param>
/// <param name="plan">What ends the output, and how deep it runs.</param>
/// <param name="memory">Slots for the input and the draft.</param>
/// <param name="tokens">Context and draft.</param>
/// <param name="constraint">What may be written.</param>
/// <param name="controller">Judges guesses.</param>
/// <param name="steps">The round's steps on the device.</param>
internal sealed class Drafter(
    IDeviceModel model, DecodingPlan plan, SequenceMemory memory, Transcript tokens, ConstraintTrace? constraint, IDraftController controller, RoundSteps steps)
{
    private DraftWeights _weights;
    private int _exit;
    private int _length;
    private int _room;

    // So far: tokens of the draft, those of them that were guessed, rows of input and draft, those of them that ran by coarse weights, and passes. The present step's rows are among them.
    private int _inputs;
    private int _drafted;
    private int _guessed;
    private int _count;
    private int _coarse;
    private int _passes;

    /// <summary>What the draft needs run next, before <see cref="GoOn"/>; null: it is done.</summary>
    public RowPass? Step { get; private set; }

    /// <summary>The draft as far as it has come.</summary>
    public PreparedDraft Draft => new(_exit, _drafted, _guessed, _count - _inputs, _coarse, _passes);

    /// <summary>Begins a draft behind the input, of which no layer has run; its slots, and as many as there is room for, have been placed. One that is looked up is done at once.</summary>
    /// <param name="draft">What to draft.</param>
    /// <param name="match">What the context could be continued with.</param>
    /// <param name="room">Most tokens of the draft, forced ones included.</param>
    /// <param name="inputs">Tokens before it that are not in the cache yet.</param>
    /// <param name="weights">
    /// By which its own rows run. The input's run by the exact ones, for all that follows reads them, unless the draft runs all layers: then verification runs them, too, all in one pass.
    /// </param>
    public void Begin(in DraftPlan draft, in LookupMatch match, int room, int inputs, DraftWeights weights)
    {
        _weights = weights;
        Reset(draft, room, inputs);
        try
        {
            constraint?.IsDrafting = true;
            if (draft is { ExitLayer: 0, Length: > 0 })
            {
                Copy(match);
            }
            else
            {
                Append(inputs, goesOn: true);
            }
        }
        catch (ConstraintException)
        {
            GiveUp();
        }
        finally
        {
            constraint?.IsDrafting = false;
        }
    }

    /// <summary>Layers that a draft runs, which are none where nothing is to be guessed.</summary>
    public int ExitOf(in DraftPlan draft) => draft.Length > 0 ? Math.Min(draft.ExitLayer, plan.Depth) : 0;

    /// <summary>Takes the exit's guess behind the step that has been run, and prepares the next one.</summary>
    /// <param name="isAnswered">Whether what the step asks has been answered; else the head is yet to be run.</param>
    public void GoOn(bool isAnswered)
    {
        try
        {
            constraint?.IsDrafting = true;
            TakeGuess(isAnswered);
        }
        catch (ConstraintException)
        {
            GiveUp();
        }
        finally
        {
            constraint?.IsDrafting = false;
        }
    }

    private void Reset(in DraftPlan draft, int room, int inputs)
    {
        (_exit, _length, _room, _inputs) = (ExitOf(draft), draft.Length, room, inputs);
        (Step, _drafted, _guessed, _count, _coarse, _passes) = (null, 0, 0, 0, 0, 0);
    }

    /// <summary>Where a draft asks more of a constraint than that can tell, the round does without: the full model may come to no such place.</summary>
    private void GiveUp()
    {
        constraint!.IsDrafting = false;
        Reset(DraftPlan.None, _room, _inputs);
        Append(_inputs, goesOn: false);
    }

    private void TakeGuess(bool isAnswered)
    {
        var wantsGuess = Step!.Value.AsksHead;
        Step = null;
        if (!wantsGuess || steps.Guess(memory.Rows, _count - 1, _drafted, _exit, isAnswered) is not { } guess)
        {
            return;
        }

        var verdict = controller.Judge(guess, _guessed, _drafted);
        if (verdict == GuessVerdict.Drop)
        {
            return;
        }

        Add(guess.Token);

        // Nothing follows a stop token, so it alone needs no row.
        if (!IsStop(guess.Token))
        {
            Append(1, verdict == GuessVerdict.Continue);
        }
    }

    /// <summary>Adds the next rows, which the exit's layers are to run, and asks for its guess behind them. What a constraint forces rides along with the token before it.</summary>
    /// <param name="added">Rows, of the last tokens so far.</param>
    /// <param name="goesOn">Whether a guess is wanted, if there is room for it.</param>
    private void Append(int added, bool goesOn)
    {
        added += AddForced();
        var guesses = goesOn && _guessed < _length && _drafted < _room && constraint?.IsComplete(_drafted) != true;
        var weights = _passes > 0 || _exit == plan.Depth ? _weights : DraftWeights.Exact;
        var pass = new RowPass(memory.Rows, _count, added, From: 0, To: _exit, Unread: added - 1) { Weights = weights };
        _count += added;
        _coarse += weights == DraftWeights.Exact ? 0 : added;
        if (weights != DraftWeights.Exact && !guesses)
        {
            // What coarse weights would make of it nobody looks at.
            return;
        }

        model.Embed(memory.Rows, pass.Start, tokens.With(_drafted)[^added..]);
        _passes++;
        if (_exit > 0)
        {
            Step = guesses ? steps.AskGuess(pass) : pass;
        }
    }

    /// <summary>Copies what followed an earlier occurrence of the context's end, its own tokens behind the context's last, as far as a constraint allows it.</summary>
    private void Copy(in LookupMatch match)
    {
        var stops = false;
        while (!stops && _drafted < _room && constraint?.IsComplete(_drafted) != true)
        {
            var token = tokens.With(_drafted)[match.Position + _drafted];
            if (constraint?.Force(_drafted) is { } forced)
            {
                // Where it forces another token, the copy ends, but not what it forces.
                tokens.Draft(_drafted++, forced);
                if (forced != token)
                {
                    break;
                }

                continue;
            }

            if (_guessed == _length || constraint?.Allows(_drafted, token) == false)
            {
                break;
            }

            Add(token);
            stops = IsStop(token);
        }

        if (!stops)
        {
            AddForced();
        }

        _count = _inputs + (stops ? _drafted - 1 : _drafted);
        model.Embed(memory.Rows, 0, tokens.Slice(tokens.Count - _inputs, _count));
    }

    /// <summary>Adds to the draft what nobody forces.</summary>
    private void Add(int token)
    {
        tokens.Draft(_drafted, token);
        constraint?.Advance(_drafted, token);
        _drafted++;
        _guessed++;
    }

    /// <summary>Adds to the draft what a constraint leaves no choice about.</summary>
    /// <returns>How many tokens that is.</returns>
    private int AddForced()
    {
        var before = _drafted;
        while (_drafted < _room && constraint?.Force(_drafted) is { } token)
        {
            tokens.Draft(_drafted++, token);
        }

        return _drafted - before;
    }

    private bool IsStop(int token) => plan.StopIds.AsSpan().Contains(token);
}
