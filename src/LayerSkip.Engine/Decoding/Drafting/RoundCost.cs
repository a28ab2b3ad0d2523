namespace LayerSkip.Engine.Decoding.Drafting;

/// <summary>The cost model of a round: what its steps take together.</summary>
/// <param name="costs">What a step costs.</param>
/// <param name="layers">The model's layers.</param>
internal readonly struct RoundCost(StepCosts costs, int layers)
{
    /// <summary>A round that drafts nothing.</summary>
    /// <param name="inputs">Rows that are not in the cache yet: the prompt's at first, later one.</param>
    public double Plain(double inputs) => (layers * costs.SharedLayer(inputs)) + costs.SharedHead(1);

    /// <summary>A round that copies its draft.</summary>
    /// <param name="inputs">Rows that are not in the cache yet.</param>
    /// <param name="drafted">Tokens copied.</param>
    public double Copied(double inputs, double drafted) => (layers * costs.SharedLayer(inputs + drafted)) + costs.SharedHead(1 + drafted);

    /// <summary>A round that drafts by an exit.</summary>
    /// <param name="exit">The exit.</param>
    /// <param name="inputs">Rows that are not in the cache yet.</param>
    /// <param name="guesses">Guesses made.</param>
    /// <param name="drafted">Guesses that were kept.</param>
    public double Drafted(int exit, double inputs, double guesses, double drafted) =>
        (guesses * costs.Guess) + (exit * (costs.DraftLayer(inputs) + (drafted * costs.DraftLayer(1))))
        + ((layers - exit) * costs.SharedLayer(inputs + drafted)) + costs.SharedHead(1 + drafted);
}
