namespace LayerSkip.Engine.Decoding.Drafting;

/// <summary>The finite-state machine: one token more after a draft that was accepted whole, one less after any other, within 1 .. the longest.</summary>
internal sealed class StepwiseDraft(int exitLayer, int longest) : IDraftController
{
    private int _length = (longest + 1) / 2;

    public double? LastBelow => 0;

    public DraftPlan Next(in LookupMatch match, int inputs) => new(exitLayer, _length);

    public void Learn(in RoundOutcome outcome)
    {
        // A draft that ended before its time, at the output's end or a constraint's, tells nothing of the next one.
        if (outcome.Drafted > 0)
        {
            _length = Math.Clamp(_length + (outcome.Accepted == outcome.Drafted ? 1 : -1), 1, longest);
        }
    }
}
