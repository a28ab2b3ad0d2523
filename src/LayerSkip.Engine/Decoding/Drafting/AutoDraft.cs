using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Decoding.Drafting;

/// <summary>
/// Drafts what pays. A token has a price: what it costs in the long run, drafted by the best exit that enough is known of, or without a draft. Before each
/// round the choices (no draft, one by an exit, one that is copied) are compared by the tokens they are likely to bring, at that price, less their cost; within a
/// draft a guess is kept, and another asked for, by the same measure.
/// </summary>
/// <remarks>
/// <para>
/// A first guess that is not kept has cost its head and nothing else, since the layers below the exit are part of any step, or, where sequences run their last
/// layers together, those layers too, which it did not share; one of all layers has cost their pass by coarse weights. That bounds what a prompt
/// of whatever kind can lose: the looks at guesses that are unsure, and those sure ones that are wrong until their counts tell. An exit that nobody recommended
/// has to earn the length of its drafts.
/// </para>
/// <para>
/// Where nothing pays, steps are plain. A guess is then noted, not drafted, after 8, 16 and from then on every 32 steps (in company after as many times more): by turns of the best exit and of
/// another one, since any of the ladder may agree where this one does not. Look-up is checked in every step at no cost. What agrees again is used again.
/// </para>
/// </remarks>
internal sealed class AutoDraft : IDraftController
{
    /// <summary>What a draft must promise to save, as a share of a plain step: less is not worth being wrong about.</summary>
    private const double Margin = 0.02;

    private const int SurveyEvery = 6;

    // Of so many surveys one is of another exit than those beside the draft's.
    private const int FarSurveyEvery = 4;
    private const double EnoughSeen = 3;
    private const int FirstPause = 8;
    private const int LongestPause = 32;

    // A further token is likely to bring less than the one before it, and costs as much, but for what tiles of rows make of it: when so many in turn have made it worse, all do.
    private const int MostRises = 3;

    // A plain step of a small model takes no longer than some hundreds of these comparisons: where nothing new is known they can wait.
    private const int ReviewEvery = 16;

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

    // The other exit whose turn it is, and whether it was right when last asked.
    private int _other = -1;
    private bool _otherAgrees;
    private bool _asksOther = true;

    // As of the last review: what rounds cost, how many run together, what a plain step costs, the price of a token, the best exit, whether it pays, and how likely its guesses are kept, and kept and right.
    private RoundCost _cost;
    private bool _newGuesses;
    private int _untilReview;
    private int _company;
    private double _plain;
    private double _price;
    private int _best = -1;
    private bool _pays;
    private double _keeps;
    private double _gains;

    // Of the present round's draft: its chance so far, the round's inputs, and the most tokens it may have.
    private double _chance;
    private int _inputs;
    private int _reach;

    /// <param name="costs">What steps cost.</param>
    /// <param name="layers">The model's layers.</param>
    /// <param name="exits">Exits to choose among, in ascending order, the last one all layers perhaps, where coarse weights draft; none: drafts are looked up only.</param>
    /// <param name="first">Where to begin, one of them.</param>
    /// <param name="isRecommended">Whether the checkpoint, or the caller, recommends the first.</param>
    /// <param name="longest">Most tokens of a draft.</param>
    /// <param name="copyError">Where all layers may draft, the share of their most unsure guesses that are wrong, until what has been seen tells.</param>
    public AutoDraft(StepCosts costs, int layers, int[] exits, int first, bool isRecommended, int longest, double copyError)
    {
        (_costs, _layers, _exits, _longest) = (costs, layers, exits, longest);
        _first = _current = Math.Max(0, Array.IndexOf(exits, first));
        _acceptance = [.. exits.Select(exit => new ExitAcceptance(isRecommended && exit == first, exit == layers ? copyError : null))];
        _alone = [.. exits.Select(static exit => new[] { exit })];
        _neighbours = [.. exits.Select((_, i) => exits.Where((_, j) => Math.Abs(i - j) == 1).ToArray())];
    }

    public DraftPlan Next(in LookupMatch match, int inputs)
    {
        if (_newGuesses || _company != _costs.Company || _untilReview-- == 0)
        {
            Review();
        }

        var exit = _best;
        var reach = exit >= 0 ? Math.Min(_longest, _acceptance[exit].Reach) : 0;
        var exitGain = _pays ? ExitGain(_exits[exit], inputs, reach) : 0;
        var (lookupGain, length) = LookupGain(match, inputs);
        if (lookupGain > Margin * _plain && lookupGain >= exitGain)
        {
            return DraftPlan.Lookup(length);
        }

        if (exitGain > 0)
        {
            (_current, _inputs, _reach) = (exit, inputs, reach);
            (_steps, _pause) = (0, FirstPause);
            return new(_exits[exit], reach, ++_round % SurveyEvery == 0 ? Survey(exit) : null, SurveyRows: 1);
        }

        // In company a look costs as many more plain steps, since it shares no pass.
        if (_exits.Length > 0 && ++_steps >= _pause * _company)
        {
            (_steps, _pause, _asksOther) = (0, Math.Min(2 * _pause, LongestPause), !_asksOther);
            return Look(exit < 0 || _asksOther ? Another(exit, _cost.CanDraft(_layers)) : _alone[exit], inputs);
        }

        return DraftPlan.None;
    }

    public GuessVerdict Judge(in TokenGuess guess, int guessed, int drafted)
    {
        var exit = _exits[_current];
        _chance = (guessed == 0 ? 1 : _chance) * _acceptance[_current].Rate(guess.Probability);

        // The draft may end with this guess or any later one: what is the best of these worth?
        var (gain, reached, chance) = (0.0, 1.0, _chance);
        var best = (Gain: 0.0, Length: 0);
        var (layer, head) = (_costs.SharedLayer(_inputs + drafted), _costs.SharedHead(1 + drafted));
        for (var length = 1; length <= _reach - guessed; length++)
        {
            var (layerBefore, headBefore) = (layer, head);
            (layer, head) = (_costs.SharedLayer(_inputs + drafted + length), _costs.SharedHead(1 + drafted + length));
            var row = _cost.Row(exit, drafted + length) + (_cost.Final(exit) * (layer - layerBefore)) + head - headBefore;
            gain += (chance * _price) - (reached * row);
            if (gain > best.Gain)
            {
                best = (gain, length);
            }

            gain -= reached * _cost.FurtherGuess(exit);
            reached *= _keeps;
            chance *= _gains;
        }

        return best.Length switch { 0 => GuessVerdict.Drop, 1 => GuessVerdict.Last, _ => GuessVerdict.Continue };
    }

    public void Learn(in RoundOutcome outcome)
    {
        _lookup.Add(outcome.Match);
        foreach (var guess in outcome.Guesses)
        {
            if (outcome.IsKnown(guess))
            {
                _newGuesses = true;
                var (exit, isRight) = (Array.IndexOf(_exits, guess.ExitLayer), outcome.IsRight(guess));
                _acceptance[exit].Add(guess.Guess.Probability, isRight);
                _otherAgrees = exit == _other ? isRight : _otherAgrees;
            }
        }
    }

    /// <summary>A step beside which some exit is asked. What all layers guess by coarse weights no other step comes to on its way: a draft of one token asks them.</summary>
    private DraftPlan Look(int[] exits, int inputs)
    {
        if (exits is not [var exit] || exit < _layers)
        {
            return new(0, 0, exits, SurveyRows: 1);
        }

        (_current, _inputs, _reach) = (_exits.Length - 1, inputs, 1);
        return new(exit, 1);
    }

    /// <summary>The exits to ask beside a draft: those next to its own, and now and then another, where there is one.</summary>
    private int[] Survey(int exit) => _exits.Length > 2 && _round % (SurveyEvery * FarSurveyEvery) == 0 ? Another(exit, draftsByAll: false) : _neighbours[exit];

    /// <summary>
    /// An exit to ask beside the best one, in a list: one after another, and one that agrees again until enough is known of it to compare it. The same one where there is no other.
    /// </summary>
    /// <param name="best">The best one; -1: none.</param>
    /// <param name="draftsByAll">Whether all layers can be asked: by a draft of their own, and where they have a copy.</param>
    private int[] Another(int best, bool draftsByAll)
    {
        if (_other < 0 || !CanAsk(_other) || !_otherAgrees || _acceptance[_other].Seen >= EnoughSeen)
        {
            for (var i = 0; i < _exits.Length; i++)
            {
                _other = (_other + 1) % _exits.Length;
                if (CanAsk(_other))
                {
                    break;
                }
            }

            _otherAgrees = false;
        }

        return _alone[_other];

        bool CanAsk(int exit) => exit != best && (draftsByAll || _exits[exit] < _layers);
    }

    /// <summary>Takes new costs and counts into account.</summary>
    private void Review()
    {
        (_newGuesses, _untilReview, _company) = (false, ReviewEvery, _costs.Company);
        _costs.Refresh();
        _cost = new(_costs, _layers);
        _plain = _cost.Plain(1);
        (var price, _best) = BestExit();
        _price = Math.Min(_plain, price);
        _pays = price <= _plain * (1 - Margin);
    }

    /// <summary>The exit whose drafts make a token cheapest in the long run, and what it then costs. Sets how likely its guesses are kept, and right.</summary>
    private (double Price, int Exit) BestExit()
    {
        var best = (Price: double.PositiveInfinity, Exit: -1);
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
                var (guesses, drafted, tokens) = (0.0, 0.0, 1.0);
                var (reached, right) = (1.0, 1.0);
                var (before, rises) = (double.PositiveInfinity, 0);
                for (var length = 1; length <= _longest && rises < MostRises; length++)
                {
                    guesses += reached;
                    drafted += reached *= keeps;
                    tokens += right *= gains;
                    if (length > 6 && length != _longest && length % 4 != 0)
                    {
                        continue;
                    }

                    var price = _cost.Drafted(_exits[i], 1, guesses, drafted) / tokens;
                    (before, rises) = (price, price > before ? rises + 1 : 0);
                    if (price < best.Price)
                    {
                        (best, _keeps, _gains) = ((price, i), keeps, gains);
                    }
                }
            }
        }

        return best;
    }

    /// <summary>What the best draft by an exit is worth beyond a plain step over the same inputs.</summary>
    private double ExitGain(int exit, int inputs, int reach)
    {
        var plain = _cost.Plain(inputs);
        var best = 0.0;
        var (guesses, drafted, tokens) = (0.0, 0.0, 0.0);
        var (reached, right) = (1.0, 1.0);
        for (var length = 1; length <= reach; length++)
        {
            guesses += reached;
            drafted += reached *= _keeps;
            tokens += right *= _gains;
            best = Math.Max(best, (tokens * _price) + plain - _cost.Drafted(exit, inputs, guesses, drafted));
        }

        return best;
    }

    /// <summary>What the best length of a copy is worth beyond a plain step over the same inputs.</summary>
    private (double Gain, int Length) LookupGain(in LookupMatch match, int inputs)
    {
        var best = (Gain: 0.0, Length: 0);
        if (match.IsEmpty)
        {
            return best;
        }

        var plain = _cost.Plain(inputs);
        var rate = _lookup.Rate(match.Length);
        var (tokens, right) = (0.0, 1.0);
        var (before, falls) = (double.NegativeInfinity, 0);
        for (var length = 1; length <= _longest && falls < MostRises; length++)
        {
            tokens += right *= rate;
            var gain = (tokens * _price) + plain - _cost.Copied(inputs, length);
            (before, falls) = (gain, gain < before ? falls + 1 : 0);
            if (gain > best.Gain)
            {
                best = (gain, length);
            }
        }

        return best;
    }
}
