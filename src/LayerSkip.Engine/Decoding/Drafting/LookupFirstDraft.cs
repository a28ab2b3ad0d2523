using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Decoding.Drafting;

/// <summary>Copies from the context wherever that has something to copy, and leaves the other rounds to another controller.</summary>
internal sealed class LookupFirstDraft(IDraftController other, int length) : IDraftController
{
    public bool JudgesGuesses => other.JudgesGuesses;

    public DraftPlan Next(in LookupMatch match, int inputs) =>
        match.IsEmpty ? other.Next(match, inputs) : DraftPlan.Lookup(Math.Min(length, match.Available));

    public GuessVerdict Judge(in TokenGuess guess, int guessed, int drafted) => other.Judge(guess, guessed, drafted);

    public void Learn(in RoundOutcome outcome)
    {
        if (outcome.ExitLayer > 0)
        {
            other.Learn(outcome);
        }
    }
}
