namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>The most likely of some of the head's tokens.</summary>
/// <param name="Token">The token; -1 where all logits are NaN.</param>
/// <param name="Logit">Its logit.</param>
/// <param name="Sum">The sum of e^(logit - its own) over all of the tokens.</param>
internal readonly record struct HeadGuess(int Token, float Logit, double Sum)
{
    /// <summary>The most likely of these tokens and others; of equals one of these.</summary>
    public HeadGuess With(in HeadGuess others)
    {
        if (others.Token < 0)
        {
            return this;
        }

        return Token < 0 || others.Logit > Logit ? Joined(others, this) : Joined(this, others);

        static HeadGuess Joined(in HeadGuess best, in HeadGuess other) =>
            best with { Sum = best.Sum + (other.Token < 0 ? 0 : other.Sum * Math.Exp(other.Logit - best.Logit)) };
    }

    /// <summary>The token, and how likely it is among all of them.</summary>
    public TokenGuess ToTokenGuess() => Token < 0 ? new(-1, 0) : new(Token, (float)(1 / Math.Max(1, Sum)));
}
