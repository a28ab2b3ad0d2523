namespace LayerSkip.Engine.Decoding.Drafting;

/// <summary>How often what is looked up comes true, by the length of the match: decayed counts, with an assumption to begin with. Counted in every round, used or not.</summary>
internal sealed class LookupAcceptance
{
    private const double Memory = 0.95;
    private const double AssumedTokens = 2;

    private static ReadOnlySpan<double> Assumed => [0.35, 0.5, 0.7, 0.85];

    private readonly double[] _count = new double[4];
    private readonly double[] _hits = new double[4];

    /// <summary>A match came true as far as that.</summary>
    public void Add(in LookupOutcome outcome)
    {
        if (outcome.Length == 0)
        {
            return;
        }

        var of = ClassOf(outcome.Length);
        for (var i = 0; i < outcome.Right; i++)
        {
            Add(of, hit: 1);
        }

        if (outcome.IsWrong)
        {
            Add(of, hit: 0);
        }
    }

    /// <summary>How likely the next token of a match is right, given that those before it were.</summary>
    public double Rate(int length)
    {
        var of = ClassOf(length);
        return (_hits[of] + (AssumedTokens * Assumed[of])) / (_count[of] + AssumedTokens);
    }

    private void Add(int of, int hit)
    {
        _count[of] = (Memory * _count[of]) + 1;
        _hits[of] = (Memory * _hits[of]) + hit;
    }

    private static int ClassOf(int length) => length switch { <= 2 => 0, 3 => 1, < 8 => 2, _ => 3 };
}
