using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Decoding.Drafting;

/// <summary>Copies from the context wherever that has something to copy, and leaves the other rounds to another controller.</summary>
internal sealed class LookupFirstDraft(IDraftController other, int length) : IDraftController
{
    public bool JudgesGuesses => other.JudgesGuesses;

    public DraftPlan Next(in LookupMatch match) =>
        match.IsEmpty ? other.Next(match) : DraftPlan.Lookup(Math.Min(length, match.Available));

    public GuessVerdict Judge(in TokenGuess guess, int guessed, int rows) => other.Judge(guess, guessed, rows);

    public void Learn(in RoundOutcome outcome)
    {
        if (outcome.ExitLayer > 0)
        {
            other.Learn(outcome);
        }
    }
}
