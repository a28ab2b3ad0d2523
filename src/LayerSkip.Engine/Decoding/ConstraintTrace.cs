using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Constraints.Nodes;
using LayerSkip.Engine.Sampling;

namespace LayerSkip.Engine.Decoding;

/// <summary>Where a constrained generation stands, and where the tokens drafted in a round would lead. Rejecting a draft forgets nothing else.</summary>
/// <param name="constraint">What may be written.</param>
/// <param name="stopIds">Tokens that end the output.</param>
/// <param name="maxWork">What finding what may follow may take in all, and for drafts once more, as <see cref="Grammar.ThreadWork"/> counts.</param>
internal sealed class ConstraintTrace(TokenConstraint constraint, int[] stopIds, long maxWork = ConstraintTrace.MaxWork)
{
    /// <summary>Some seconds: an output whose masks are all new to it, and all take long, ends before it holds others up for minutes.</summary>
    public const long MaxWork = 64 << 20;

    // [i]: after i tokens of the round's draft.
    private readonly ConstraintState[] _states = CreateStates(constraint.Start);

    // [i]: whether the likeliest token after i of them was banned for want of room.
    private readonly bool[] _curtailed = new bool[DecodingPlan.MaxSpeculations + 1];
    private readonly float[] _stopLogits = new float[stopIds.Length];
    private long _work;
    private long _draftWork;
    private CancellationToken _cancellation;
    private int _room;
    private int _count;
    private int _curtailedAt = int.MaxValue;

    /// <summary>Whether what is asked is asked for a draft: what that takes counts by itself, so that no output fails for what its drafts looked at.</summary>
    public bool IsDrafting { get; set; }

    /// <summary>Whether the output would have become longer, had there been room to complete it then.</summary>
    public bool IsCurtailed => _curtailedAt != int.MaxValue;

    /// <summary>Index in the output of the first token that was taken for want of room for a likelier one, or null. May be read on any thread.</summary>
    public int? CurtailedAt => Volatile.Read(ref _curtailedAt) is var index and not int.MaxValue ? index : null;

    /// <summary>From now on cancellation is looked at before a draft or a choice asks what may follow, unless that is known.</summary>
    public void Watch(CancellationToken cancellationToken) => _cancellation = cancellationToken;

    /// <summary>A round begins, perhaps again after it has failed.</summary>
    /// <param name="room">Tokens that may still be generated.</param>
    public void BeginRound(int room)
    {
        _room = room;
        Array.Clear(_curtailed);
    }

    /// <summary>Whether the output must end after so many tokens of the draft.</summary>
    public bool IsComplete(int index) =>
        _states[index] is { CanEnd: true } state && (state.Node is EmptyNode || Known(state).IsComplete || MustEnd(index));

    /// <summary>The token that follows so many tokens of the draft without being asked for, or null.</summary>
    public int? Forced(int index) =>
        MayForce(_states[index]) && Wanted(index).Mask.Forced is >= 0 and var token && !IsStop(token) ? token : null;

    /// <summary>Takes the token that follows without being asked for into the draft, if there is one.</summary>
    public int? Force(int index)
    {
        var forced = Forced(index);
        if (forced is { } token)
        {
            Advance(index, token);
        }

        return forced;
    }

    /// <summary>A token is drafted.</summary>
    /// <param name="index">Tokens of the draft before it.</param>
    /// <param name="token">One that may follow them.</param>
    public void Advance(int index, int token)
    {
        if (!IsStop(token))
        {
            using var charge = new Charge(this);
            _states[index + 1] = _states[index].Next(token);
        }
    }

    /// <summary>Takes tokens that were chosen without a look at the constraint into the draft, up to where one may not follow.</summary>
    /// <returns>How many.</returns>
    public int Follow(ReadOnlySpan<int> tokens)
    {
        var count = 0;
        while (count < tokens.Length && !IsComplete(count) && Allows(count, tokens[count]))
        {
            Advance(count, tokens[count]);
            count++;
        }

        return count;
    }

    /// <summary>How many of the first tokens of the draft were forced.</summary>
    public int CountForced(int drafted)
    {
        var count = 0;
        while (count < drafted && Forced(count) is not null)
        {
            count++;
        }

        return count;
    }

    /// <summary>The error of a context that no token may follow.</summary>
    public InvalidOperationException NoTokenLeft(int index)
    {
        var state = _states[index];
        return state.CanEnd ? Distribution.NoTokenLeft()
            : state.Mask.Count == 0 ? new ConstraintException($"the constraint asks for text that no token of the vocabulary begins, {state.Node.MinBytes} bytes or more before its end")
            : state.Mask.Count == stopIds.Count(state.Mask.Contains) ? new ConstraintException(
                $"the constraint asks for token {state.Mask.First()} and more behind it, but the token ends the output: expected a special token that is not among the stop ids")
            : Distribution.NoTokenLeft();
    }

    /// <summary>Whether a token may follow so many tokens of the draft.</summary>
    public bool Allows(int index, int token)
    {
        var left = Left(index);
        if (AllowsUnmasked(_states[index], token, left))
        {
            _curtailed[index] = false;
            return true;
        }

        var state = Wanted(index);
        var allows = IsStop(token) ? state.CanEndBy(token) : state.Mask.Contains(token) && Scarce(state, left)?.Allows(token, left) != false;
        _curtailed[index] &= !allows;
        return allows;
    }

    /// <summary>Bans what may not follow so many tokens of the draft. Tokens that end the output are allowed exactly where it may end, or may end by them.</summary>
    public void Mask(int index, Span<float> logits)
    {
        var state = Wanted(index);
        var left = Left(index);
        var completions = Scarce(state, left);
        var likeliestStop = float.NegativeInfinity;
        for (var i = 0; i < stopIds.Length; i++)
        {
            ref var logit = ref logits[stopIds[i]];
            _stopLogits[i] = state.CanEndBy(stopIds[i]) ? logit : float.NegativeInfinity;
            likeliestStop = Math.Max(likeliestStop, _stopLogits[i]);
            logit = float.NegativeInfinity;
        }

        // An end that the model prefers to all that it could go on with is its own, however little room there is.
        _curtailed[index] = completions is not null
            && state.Mask.Best(logits) is >= 0 and var best
            && !completions.Allows(best, left)
            && logits[best] > likeliestStop;
        if (completions is null)
        {
            state.Mask.Apply(logits);
        }
        else
        {
            completions.Apply(logits, left);
        }

        for (var i = 0; i < stopIds.Length; i++)
        {
            logits[stopIds[i]] = _stopLogits[i];
        }
    }

    /// <summary>The round is over: the output goes on from what was accepted of its draft, and the full model's own token.</summary>
    /// <returns>How many of the accepted tokens of the draft were forced, and how many with the token behind them.</returns>
    public (int Drafted, int All) Accept(int accepted, int? next)
    {
        var forced = 0;
        for (var i = 0; i < accepted; i++)
        {
            forced += Forced(i) is null ? 0 : 1;
        }

        var all = forced + (next is not null && Forced(accepted) is not null ? 1 : 0);
        if (next is { } token)
        {
            Advance(accepted++, token);
        }

        _states[0] = _states[accepted];
        _room -= accepted;
        if (!IsCurtailed)
        {
            var first = _curtailed.AsSpan(0, accepted).IndexOf(true);
            Volatile.Write(ref _curtailedAt, first >= 0 ? _count + first : MustEnd(0) ? _count + accepted : int.MaxValue);
        }

        _count += accepted;
        return (forced, all);
    }

    /// <summary>Tokens that may come behind the one that follows so many of the draft.</summary>
    private int Left(int index) => _room - index - 1;

    /// <summary>What decides where there is not room to complete the output behind all that the mask allows, in <paramref name="left"/> tokens; null: the mask alone.</summary>
    private CompletionTable? Scarce(ConstraintState state, int left)
    {
        // The tables are for those who come to need them: a byte takes a token at most, one of its own.
        if (left >= state.Mask.MaxRemainder)
        {
            return null;
        }

        // If it cannot be completed, the limit cuts it.
        var completions = CompletionsOf(state);
        return left >= completions.Most || (left < completions.Least && !state.CanEnd) ? null : completions;
    }

    /// <summary>
    /// Whether the output may end here and nothing more can be completed, while the model has no token to end it by: a choice would find every
    /// token banned.
    /// </summary>
    private bool MustEnd(int index)
    {
        var (state, left) = (_states[index], Left(index));
        return stopIds.Length == 0 && state.CanEnd && left < Known(state).Mask.MaxRemainder && left < CompletionsOf(state).Least;
    }

    /// <summary>
    /// The point after so many tokens of the draft, with its mask. Cancellation may end a round here while it drafts and chooses; when it accepts, all masks are known that it then
    /// asks for, those of points that may force a token.
    /// </summary>
    private ConstraintState Wanted(int index)
    {
        var state = _states[index];
        if (!state.HasMask)
        {
            _cancellation.ThrowIfCancellationRequested();
        }

        return Known(state);
    }

    private ConstraintState Known(ConstraintState state)
    {
        if (!state.HasMask)
        {
            Find(state, completions: false);
        }

        return state;
    }

    private CompletionTable CompletionsOf(ConstraintState state)
    {
        if (state.Mask.Completions is null)
        {
            Find(state, completions: true);
        }

        return state.Completions;
    }

    private bool MayForce(ConstraintState state)
    {
        using var charge = new Charge(this);
        return state.MayForce;
    }

    /// <summary>
    /// Whether a token may follow, where that can be told without a mask: masks take a look at the vocabulary, and a model that keeps to the language by itself needs none. With as
    /// many tokens left as it takes bytes to end there is room.
    /// </summary>
    private bool AllowsUnmasked(ConstraintState state, int token, int left)
    {
        if (state.HasMask || IsStop(token))
        {
            return false;
        }

        _cancellation.ThrowIfCancellationRequested();
        RequireWork();
        using var charge = new Charge(this);
        return state.Allows(token, left);
    }

    /// <summary>Finds a point's mask, or its completions.</summary>
    private void Find(ConstraintState state, bool completions)
    {
        RequireWork();
        using var charge = new Charge(this);
        _ = completions ? (object)state.Completions : state.Mask;
    }

    /// <summary>Others wait for the engine's thread meanwhile, so there is an end to what one output may have it do.</summary>
    private void RequireWork()
    {
        if ((IsDrafting ? _draftWork : _work) >= maxWork)
        {
            throw TokenTrie.TakesTooMuch(maxWork, " in one output");
        }
    }

    private bool IsStop(int token) => stopIds.AsSpan().Contains(token);

    private static ConstraintState[] CreateStates(ConstraintState start)
    {
        var states = new ConstraintState[DecodingPlan.MaxSpeculations + 2];
        states[0] = start;
        return states;
    }

    /// <summary>What is derived until it is disposed of counts as the output's work.</summary>
    private readonly ref struct Charge(ConstraintTrace trace)
    {
        private readonly long _before = Grammar.ThreadWork;

        public void Dispose()
        {
            ref var work = ref trace.IsDrafting ? ref trace._draftWork : ref trace._work;
            work += Grammar.ThreadWork - _before;
        }
    }
}
