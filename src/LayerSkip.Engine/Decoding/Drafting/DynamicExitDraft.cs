using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Decoding.Drafting;

/// <summary>
/// Context-aware dynamic exit (DEL, Entezari Zarch et al., 2025). Shadow guesses of every few exits tell how often each agrees with the full model; the
/// exit with the most tokens for its cost drafts, until it is less sure than the threshold between its right and its wrong guesses.
/// </summary>
/// <remarks>
/// Three things differ from the authors' code: costs are measured times, not numbers of layers; shadow guesses are made in every few rounds only, since
/// on a CPU their heads cost as much as layers; and where no draft pays none is made until a survey says otherwise.
/// </remarks>
internal sealed class DynamicExitDraft : IDraftController
{
    private const double Memory = 0.95;
    private const int SurveyEvery = 4;

    private readonly StepCosts _costs;
    private readonly int _layers;
    private readonly int _longest;
    private readonly int[] _exits;
    private readonly Counts[] _counts;
    private int _current;
    private int _length = 1;
    private int _round;

    /// <param name="costs">What steps cost.</param>
    /// <param name="layers">The model's layers.</param>
    /// <param name="exits">Exits to choose among, in ascending order, at least one.</param>
    /// <param name="first">The first round's exit, one of them.</param>
    /// <param name="longest">Most tokens of a draft.</param>
    public DynamicExitDraft(StepCosts costs, int layers, int[] exits, int first, int longest)
    {
        (_costs, _layers, _exits, _longest) = (costs, layers, exits, longest);
        _counts = new Counts[exits.Length];
        _current = Array.IndexOf(exits, first);
    }

    public DraftPlan Next(in LookupMatch match, int inputs)
    {
        // As the authors have it, the first round drafts one token, and only the choice of no draft at all makes use of the length.
        var length = _round == 0 ? 1 : _length == 0 ? 0 : _longest;
        var survey = _round++ % SurveyEvery == 0 ? _exits : null;
        return length > 0 ? new(_exits[_current], length, survey, int.MaxValue) : new(0, 0, survey, int.MaxValue);
    }

    public GuessVerdict Judge(in TokenGuess guess, int guessed, int drafted) =>
        guess.Probability < _counts[_current].Threshold ? GuessVerdict.Last : GuessVerdict.Continue;

    public void Learn(in RoundOutcome outcome)
    {
        for (var i = 0; i < _exits.Length; i++)
        {
            var hasBegun = false;
            foreach (var guess in outcome.Guesses)
            {
                if (guess.ExitLayer == _exits[i] && outcome.IsKnown(guess))
                {
                    _counts[i].Decay(hasBegun ? 1 : Memory);
                    _counts[i].Add(guess.Guess.Probability, outcome.IsRight(guess));
                    hasBegun = true;
                }
            }
        }

        Choose();
    }

    private void Choose()
    {
        _costs.Refresh();
        var rounds = new RoundCost(_costs, _layers);
        var least = rounds.Plain(1);
        var found = (Exit: _current, Length: 0);
        for (var i = 0; i < _exits.Length; i++)
        {
            if (_counts[i].Acceptance is not (>= 0 and var acceptance))
            {
                continue;
            }

            var (tokens, power) = (1.0, 1.0);
            for (var length = 1; length <= _longest; length++)
            {
                tokens += power *= acceptance;
                var cost = rounds.Drafted(_exits[i], 1, length, length) / tokens;
                if (cost < least)
                {
                    (least, found) = (cost, (i, length));
                }
            }
        }

        (_current, _length) = found;
    }

    /// <summary>Right and wrong guesses of an exit, and the sums of their probabilities.</summary>
    private struct Counts
    {
        private double _right, _wrong, _rightSum, _wrongSum;

        /// <summary>Share of right guesses; NaN before the first.</summary>
        public readonly double Acceptance => _right / (_right + _wrong);

        /// <summary>Half way between right and wrong guesses' mean probability; NaN, under which no draft ends, while there are none of either.</summary>
        public readonly double Threshold => ((_rightSum / _right) + (_wrongSum / _wrong)) / 2;

        public void Decay(double memory) =>
            (_right, _wrong, _rightSum, _wrongSum) = (memory * _right, memory * _wrong, memory * _rightSum, memory * _wrongSum);

        public void Add(float probability, bool isRight)
        {
            if (isRight)
            {
                _right++;
                _rightSum += probability;
            }
            else
            {
                _wrong++;
                _wrongSum += probability;
            }
        }
    }
}
