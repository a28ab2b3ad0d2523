using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Decoding.Drafting;

/// <summary>
/// Drafts what pays. Before each round it compares what a token would cost without a draft, copied from the context, and drafted by each exit that
/// enough is known of; within a draft it keeps a guess, and asks for another, only as long as the time that it is likely to save is more than it costs.
/// </summary>
/// <remarks>
/// <para>
/// A first guess that is not kept has cost its head and nothing else, since the layers below the exit are part of any step. That bounds what a prompt
/// of whatever kind can lose: the looks at guesses that are unsure, and those sure ones that are wrong until their counts tell.
/// </para>
/// <para>
/// Where nothing pays, steps are plain. A guess of the best exit is then noted, not drafted, after 4, 8, 16 and from then on every 32 steps; look-up is checked in
/// every step at no cost. What agrees again is used again.
/// </para>
/// </remarks>
internal sealed class AutoDraft : IDraftController
{
    /// <summary>What a draft must promise to save of a plain step: less is not worth being wrong about.</summary>
    private const double Margin = 0.02;

    private const int SurveyEvery = 6;
    private const double EnoughSeen = 3;
    private const int FirstPause = 4;
    private const int LongestPause = 32;

    private readonly StepCosts _costs;
    private readonly int _layers;
    private readonly int _longest;
    private readonly int[] _exits;
    private readonly int[][] _neighbours;
    private readonly int[][] _alone;
    private readonly ExitAcceptance[] _acceptance;
    private readonly LookupAcceptance _lookup = new();
    private readonly int _first;
    private int _current;
    private int _round;
    private int _pause = FirstPause;
    private int _steps;

    // Of the present round: what a token costs as things go, how likely the next guess is kept, and kept and right, and the draft's chance so far.
    private double _tokenCost;
    private double _keeps;
    private double _gains;
    private double _chance;

    /// <param name="costs">What steps cost.</param>
    /// <param name="layers">The model's layers.</param>
    /// <param name="exits">Exits to choose among, in ascending order; none: drafts are looked up only.</param>
    /// <param name="first">Where to begin, one of them.</param>
    /// <param name="isGood">Whether the checkpoint, or the caller, recommends the first.</param>
    /// <param name="longest">Most tokens of a draft.</param>
    public AutoDraft(StepCosts costs, int layers, int[] exits, int first, bool isGood, int longest)
    {
        (_costs, _layers, _exits, _longest) = (costs, layers, exits, longest);
        _first = _current = Math.Max(0, Array.IndexOf(exits, first));
        _acceptance = [.. exits.Select(exit => new ExitAcceptance(isGood && exit == first))];
        _alone = [.. exits.Select(static exit => new[] { exit })];
        _neighbours = [.. exits.Select((_, i) => exits.Where((_, j) => Math.Abs(i - j) == 1).ToArray())];
    }

    public DraftPlan Next(in LookupMatch match)
    {
        var plain = (_layers * _costs.Layer(1)) + _costs.Head(1);
        var limit = plain * (1 - Margin);
        var (exitCost, exit) = BestExit();
        var (lookupCost, length) = BestLookup(match);
        if (lookupCost < limit && lookupCost <= exitCost)
        {
            return DraftPlan.Lookup(length);
        }

        if (exit >= 0 && exitCost < limit)
        {
            _current = exit;
            _steps = 0;
            _pause = FirstPause;
            _tokenCost = exitCost;
            var surveys = ++_round % SurveyEvery == 0;
            return new(_exits[exit], _longest, surveys ? _neighbours[exit] : null, SurveyRows: 1);
        }

        if (exit >= 0 && ++_steps >= _pause)
        {
            _steps = 0;
            _pause = Math.Min(2 * _pause, LongestPause);
            return new(0, 0, _alone[exit], SurveyRows: 1);
        }

        return DraftPlan.None;
    }

    public GuessVerdict Judge(in TokenGuess guess, int guessed, int rows)
    {
        var exit = _exits[_current];
        var chance = (guessed == 0 ? 1 : _chance) * _acceptance[_current].Rate(guess.Probability);
        var row = (exit * _costs.Layer(1))
            + ((_layers - exit) * (_costs.Layer(rows) - _costs.Layer(rows - 1))) + _costs.Head(rows) - _costs.Head(rows - 1);
        if (chance * _tokenCost <= row)
        {
            return GuessVerdict.Drop;
        }

        _chance = chance;
        return chance * _gains * _tokenCost > _costs.Guess + (_keeps * row) ? GuessVerdict.Continue : GuessVerdict.Last;
    }

    public void Learn(in RoundOutcome outcome)
    {
        _lookup.Add(outcome.Match);
        foreach (var guess in outcome.Guesses)
        {
            if (outcome.IsKnown(guess))
            {
                _acceptance[Array.IndexOf(_exits, guess.ExitLayer)].Add(guess.Guess.Probability, outcome.IsRight(guess));
            }
        }
    }

    /// <summary>The exit whose drafts make a token cheapest, and what it then costs.</summary>
    private (double Cost, int Exit) BestExit()
    {
        var best = (Cost: double.PositiveInfinity, Exit: -1);
        for (var i = 0; i < _exits.Length; i++)
        {
            if (i != _first && i != _current && _acceptance[i].Seen < EnoughSeen)
            {
                continue;
            }

            // Which guesses to keep: those of some confidence and above.
            for (var lowest = 0; lowest < ExitAcceptance.Classes; lowest++)
            {
                var (keeps, gains) = _acceptance[i].From(lowest);
                var cost = DraftCost(_exits[i], keeps, gains);
                if (cost < best.Cost)
                {
                    (best, _keeps, _gains) = ((cost, i), keeps, gains);
                }
            }
        }

        return best;
    }

    /// <summary>What a token costs with drafts of the best length, each of whose guesses is kept, and kept and right, with given probabilities.</summary>
    private double DraftCost(int exit, double keeps, double gains)
    {
        var least = double.PositiveInfinity;
        var (guesses, drafted, tokens) = (0.0, 0.0, 1.0);
        var (reached, right) = (1.0, 1.0);
        for (var length = 1; length <= _longest; length++)
        {
            guesses += reached;
            drafted += reached *= keeps;
            tokens += right *= gains;
            var cost = DynamicExitDraft.RoundCost(_costs, _layers, exit, guesses, drafted) / tokens;
            if (cost > least)
            {
                break;
            }

            least = cost;
        }

        return least;
    }

    private (double Cost, int Length) BestLookup(in LookupMatch match)
    {
        var best = (Cost: double.PositiveInfinity, Length: 0);
        if (match.IsEmpty)
        {
            return best;
        }

        var rate = _lookup.Rate(match.Length);
        var (tokens, right) = (1.0, 1.0);
        for (var length = 1; length <= Math.Min(_longest, match.Available); length++)
        {
            tokens += right *= rate;
            var cost = ((_layers * _costs.Layer(1 + length)) + _costs.Head(1 + length)) / tokens;
            if (cost >= best.Cost)
            {
                break;
            }

            best = (cost, length);
        }

        return best;
    }
}
