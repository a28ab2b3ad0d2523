using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Decoding;

/// <summary>Arg-max of the raw logits on both sides, the draft's perhaps over fewer tokens; only token ids leave the device.</summary>
/// <remarks>Where a constraint bans the arg-max, and there alone, the row's logits are looked at: what it allows of them decides.</remarks>
internal sealed class GreedySelector(IDeviceModel model, SequenceMemory memory, ConstraintTrace? constraint) : TokenSelector
{
    private readonly int[] _choices = new int[DecodingPlan.MaxSpeculations + 1];
    private readonly TokenGuess[] _guess = new TokenGuess[1];

    public override RowPass Ask(in RowPass pass, int drafted) => constraint?.CountForced(drafted) > 0 ? pass : pass with { Choices = _choices };

    public override RowPass AskDraft(in RowPass pass) => pass with { Guess = _guess, GuessHead = memory.DraftHead };

    public override TokenGuess? Draft(RowBuffer rows, int slot, ReadOnlySpan<int> context, int index, bool isAnswered)
    {
        var guess = isAnswered ? _guess[0] : model.Guess(rows, slot, memory.DraftHead);
        if (constraint is not null && Constrained(guess.Token, rows, slot, index) is var token && token != guess.Token)
        {
            ReadOnlySpan<float> logits = memory.Logits.Rows(1);
            guess = new(token, token < 0 ? 0 : (float)(1 / Math.Max(1, SoftmaxSum.Of(logits, logits[token]))));
        }

        return guess.Token < 0 ? null : guess;
    }

    public override (int Accepted, int? Next) Verify(RowBuffer rows, int slot, int count, ReadOnlySpan<int> tokens, int drafted, bool isAnswered)
    {
        var draft = tokens[(tokens.Length - drafted)..];
        var first = constraint?.CountForced(drafted) ?? 0;
        var choices = _choices.AsSpan(0, count);
        draft[..first].CopyTo(choices);
        if (!isAnswered && first < count && !(first == drafted && constraint?.IsComplete(drafted) == true))
        {
            model.ArgMax(rows, slot + first, choices[first..]);
        }

        var accepted = first;
        while (accepted < drafted && Choice(accepted) == draft[accepted])
        {
            accepted++;
        }

        if (accepted == count || constraint?.IsComplete(accepted) == true)
        {
            return (accepted, null);
        }

        return (accepted, Choice(accepted));

        int Choice(int index) => constraint is null ? _choices[index]
            : constraint.Forced(index) ?? Constrained(_choices[index], rows, slot + index, index);
    }

    /// <summary>The arg-max of a slot, or, where it may not follow so many tokens of the draft, that of what may; -1 where nothing has a logit.</summary>
    private int Constrained(int choice, RowBuffer rows, int slot, int index)
    {
        if (choice >= 0 && constraint!.Allows(index, choice))
        {
            return choice;
        }

        var logits = memory.Logits.Rows(1);
        model.Logits(rows, slot, 1, logits);
        constraint!.Mask(index, logits);
        var best = ArgMax.Of(logits);
        return logits[best] > float.NegativeInfinity ? best : -1;
    }
}
