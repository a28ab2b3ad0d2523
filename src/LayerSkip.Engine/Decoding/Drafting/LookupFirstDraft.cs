using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Decoding.Drafting;

/// <summary>Copies from the context wherever that has something to copy, and leaves the other rounds to another controller.</summary>
internal sealed class LookupFirstDraft(IDraftController other, int length) : IDraftController
{
    private bool _copies;

    public double? LastBelow => other.LastBelow;

    public DraftPlan Next(in LookupMatch match, int inputs)
    {
        _copies = !match.IsEmpty;
        return _copies ? DraftPlan.Lookup(length) : other.Next(match, inputs);
    }

    public GuessVerdict Judge(in TokenGuess guess, int guessed, int drafted) => other.Judge(guess, guessed, drafted);

    public void Learn(in RoundOutcome outcome)
    {
        // A round in which the other drafted nothing is still its own: it may have looked at guesses, to go by from then on.
        if (!_copies)
        {
            other.Learn(outcome);
        }
    }
}
