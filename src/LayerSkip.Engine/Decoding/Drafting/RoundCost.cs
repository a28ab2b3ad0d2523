namespace LayerSkip.Engine.Decoding.Drafting;

/// <summary>The cost model of a round: what its steps take together. Good until costs are refreshed, or others come or go.</summary>
internal readonly struct RoundCost
{
    private readonly StepCosts _costs;
    private readonly int _layers;
    private readonly double _oneHead;
    private readonly double _oneInput;

    /// <param name="costs">What a step costs.</param>
    /// <param name="layers">The model's layers.</param>
    public RoundCost(StepCosts costs, int layers)
    {
        (_costs, _layers) = (costs, layers);
        (Guess, _oneInput, _oneHead) = (costs.Guess, costs.DraftLayer(1), costs.SharedHead(1));
        DraftLayer = costs.DraftsCoarsely ? costs.CoarseLayer : _oneInput;
    }

    /// <summary>A guess of a draft.</summary>
    public double Guess { get; }

    /// <summary>A layer of a draft's step.</summary>
    public double DraftLayer { get; }

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
    public double Drafted(int exit, double inputs, double guesses, double drafted) =>
        (guesses * Guess) + (exit * ((inputs == 1 ? _oneInput : _costs.DraftLayer(inputs)) + (drafted * DraftLayer) + LayerAgain(drafted)))
        + ((_layers - exit) * _costs.SharedLayer(inputs + drafted)) + _costs.SharedHead(1 + drafted);

    /// <summary>A layer below the exit for rows that have been drafted by coarse weights: verification runs it again.</summary>
    /// <param name="drafted">The rows.</param>
    public double LayerAgain(double drafted) => !_costs.DraftsCoarsely ? 0 : drafted < 1 ? drafted * _costs.Layer(1) : _costs.Layer(drafted);
}
