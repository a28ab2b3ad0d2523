namespace LayerSkip.Engine.Decoding.Drafting;

/// <summary>The cost model of a round: what its steps take together. Good until costs are refreshed, or others come or go.</summary>
internal readonly struct RoundCost
{
    private readonly StepCosts _costs;
    private readonly int _layers;
    private readonly double _oneHead;
    private readonly double _oneInput;
    private readonly double _guess;

    /// <param name="costs">What a step costs.</param>
    /// <param name="layers">The model's layers.</param>
    public RoundCost(StepCosts costs, int layers)
    {
        (_costs, _layers) = (costs, layers);
        (_guess, _oneInput, _oneHead) = (costs.Guess, costs.DraftLayer(1), costs.SharedHead(1));
    }

    /// <summary>A round that drafts nothing.</summary>
    /// <param name="inputs">Rows that are not in the cache yet: the prompt's at first, later one.</param>
    public double Plain(double inputs) => (_layers * _costs.SharedLayer(inputs)) + _oneHead;

    /// <summary>A round that copies its draft.</summary>
    /// <param name="inputs">Rows that are not in the cache yet.</param>
    /// <param name="drafted">Tokens copied.</param>
    public double Copied(double inputs, double drafted) => (_layers * _costs.SharedLayer(inputs + drafted)) + _costs.SharedHead(1 + drafted);

    /// <summary>A round that drafts by an exit.</summary>
    /// <param name="exit">The exit.</param>
    /// <param name="inputs">Rows that are not in the cache yet.</param>
    /// <param name="guesses">Guesses made.</param>
    /// <param name="drafted">Guesses that were kept.</param>
    /// <returns>More than anything where all layers are to draft, but cannot: by coarse weights, behind a single input.</returns>
    public double Drafted(int exit, double inputs, double guesses, double drafted)
    {
        if (exit == _layers)
        {
            // Nothing of the input's step is saved: it drafts by itself, and then the layers run over all rows, as over a copy's.
            return CanDraft(exit) && inputs <= 1 ? (guesses * FurtherGuess(exit)) + Copied(inputs, drafted) : double.PositiveInfinity;
        }

        // Coarse rows are run for the guesses behind them alone: all but the first.
        var steps = _costs.DraftsCoarsely(exit) ? Math.Max(0, guesses - 1) * _costs.CoarseLayer : drafted * _oneInput;
        return (guesses * _guess) + (exit * ((inputs == 1 ? _oneInput : _costs.DraftLayer(inputs)) + steps + LayerAgain(exit, drafted)))
            + ((_layers - exit) * _costs.SharedLayer(inputs + drafted)) + _costs.SharedHead(1 + drafted);
    }

    /// <summary>Whether an exit can draft behind a single input: all layers by coarse weights alone.</summary>
    /// <param name="exit">The exit.</param>
    public bool CanDraft(int exit) => exit < _layers || _costs.DraftsCoarsely(exit);

    /// <summary>A further guess of a draft, behind a row that has been kept.</summary>
    /// <param name="exit">The exit.</param>
    public double FurtherGuess(int exit) => _costs.DraftsCoarsely(exit) ? _guess + (exit * _costs.CoarseLayer) : _guess;

    /// <summary>What a kept guess's row costs below the exit, for a draft that has become so long.</summary>
    /// <param name="exit">The exit.</param>
    /// <param name="drafted">Rows of the draft, this one included.</param>
    public double Row(int exit, double drafted) =>
        exit == _layers ? 0 : exit * (_costs.DraftsCoarsely(exit) ? LayerAgain(exit, drafted) - LayerAgain(exit, drafted - 1) : _oneInput);

    /// <summary>Layers that verification runs over all rows at once.</summary>
    /// <param name="exit">The exit.</param>
    public int Final(int exit) => exit == _layers ? _layers : _layers - exit;

    /// <summary>A layer below the exit for rows that have been drafted by coarse weights: verification runs it again.</summary>
    private double LayerAgain(int exit, double drafted) => !_costs.DraftsCoarsely(exit) ? 0 : drafted < 1 ? drafted * _costs.Layer(1) : _costs.Layer(drafted);
}
