using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Decoding.Drafting;

/// <summary>Drafts until the exit is unsure: a token below the threshold is the draft's last.</summary>
internal sealed class ConfidenceDraft(int exitLayer, int longest, float threshold) : IDraftController
{
    public double? LastBelow => threshold;

    public DraftPlan Next(in LookupMatch match, int inputs) => new(exitLayer, longest);

    public GuessVerdict Judge(in TokenGuess guess, int guessed, int drafted) =>
        guess.Probability < threshold ? GuessVerdict.Last : GuessVerdict.Continue;
}
