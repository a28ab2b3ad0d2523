using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Decoding.Drafting;

/// <summary>
/// Draft &amp; Verify's rule (Zhang et al., 2024): a token below the threshold is the draft's last, and the threshold follows the acceptance rate so that
/// this stays near its target.
/// </summary>
internal sealed class AdaptiveThresholdDraft(int exitLayer, int longest, float target) : IDraftController
{
    private const double RateMemory = 0.5;
    private const double ThresholdMemory = 0.9;
    private const double Step = 0.01;
    private const double FirstThreshold = 0.6;

    private double _rate = target;

    /// <summary>Where drafts end now.</summary>
    public double Threshold { get; private set; } = FirstThreshold;

    public double? LastBelow => Threshold;

    public DraftPlan Next(in LookupMatch match, int inputs) => new(exitLayer, longest);

    public GuessVerdict Judge(in TokenGuess guess, int guessed, int drafted) =>
        guess.Probability < Threshold ? GuessVerdict.Last : GuessVerdict.Continue;

    public void Learn(in RoundOutcome outcome)
    {
        if (outcome.Drafted == 0)
        {
            return;
        }

        _rate = (RateMemory * _rate) + ((1 - RateMemory) * outcome.Accepted / outcome.Drafted);
        if (_rate < target)
        {
            Move(Threshold + Step);
        }
        else if (outcome.Drafted < longest)
        {
            // A draft that was as long as may be would not have been longer under a lower threshold.
            Move(Threshold - Step);
        }
    }

    private void Move(double wanted) => Threshold = Math.Clamp((ThresholdMemory * Threshold) + ((1 - ThresholdMemory) * wanted), 0, 1);
}
