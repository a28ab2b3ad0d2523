using LayerSkip.Engine.Decoding;

namespace LayerSkip.Cli.Tuning;

/// <summary>
/// Predicts what self-speculation takes, from step costs and answers: speed-up = t_AR (γ r + 1) / (γ t_draft + t_verify) for rounds of γ drafted tokens
/// of which the share r is accepted, with γ and r not assumed but replayed round by round, and the prompt's pass added to both sides.
/// </summary>
/// <param name="costs">Of the model on this machine.</param>
/// <param name="answers">At least one.</param>
/// <param name="stopIds">Tokens that end an answer: a draft ends with one, too.</param>
/// <param name="maxTokens">Most tokens of an answer.</param>
internal sealed class CostModel(MeasuredCosts costs, IReadOnlyList<ShadowedAnswer> answers, IReadOnlyCollection<int> stopIds, int maxTokens)
{
    /// <summary>Seconds of all requests, autoregressive.</summary>
    public double Autoregressive { get; } = answers.Sum(answer => Plain(costs, answer));

    /// <summary>Predicts a setting.</summary>
    /// <param name="exitLayer">Exit layer E, 1 .. L - 1, or L by coarse weights.</param>
    /// <param name="numSpeculations">Speculation length d, at least 1.</param>
    /// <param name="weights">By which weights drafts run: exact ones, or some whose costs are measured.</param>
    public Prediction Predict(int exitLayer, int numSpeculations, DraftWeights weights = DraftWeights.Exact)
    {
        var (seconds, tokens, rounds, drafted, accepted) = (0.0, 0, 0, 0, 0);
        foreach (var answer in answers)
        {
            var inputs = FirstInputs(answer.PromptTokens);
            seconds += costs.DraftRequest + Pieces(costs, answer.PromptTokens);
            for (var position = 0; position < answer.Tokens.Count; inputs = 1)
            {
                var round = Replay(answer, exitLayer, exitLayer == costs.Layers && inputs > 1 ? 0 : numSpeculations, weights, position);
                seconds += exitLayer == costs.Layers ? SecondsOfAll(inputs, round, weights) : Seconds(exitLayer, inputs, round, numSpeculations > 1 ? weights : DraftWeights.Exact);
                position += round.Tokens;
                tokens += round.Tokens;
                rounds++;
                drafted += round.Drafted;
                accepted += round.Accepted;
            }
        }

        return new Prediction(
            exitLayer, numSpeculations, weights, Autoregressive / seconds, drafted == 0 ? 0 : (double)accepted / drafted, rounds == 0 ? 0 : (double)tokens / rounds);
    }

    /// <summary>Share of all tokens that an exit has right, given what comes before them.</summary>
    /// <param name="exitLayer">Exit layer E, 1 .. L - 1, or L by coarse weights.</param>
    /// <param name="weights">By which weights, where all layers draft.</param>
    public double Agreement(int exitLayer, DraftWeights weights) =>
        (double)answers.Sum(answer => answer.Tokens.Zip(answer.ShadowOf(exitLayer, weights)).Count(pair => pair.First == pair.Second))
        / Math.Max(1, answers.Sum(answer => answer.Tokens.Count));

    /// <summary>The round that begins at a token of the answer. Behind a wrong draft what is drafted on is unknown: as much as may be.</summary>
    private Round Replay(ShadowedAnswer answer, int exitLayer, int numSpeculations, DraftWeights weights, int position)
    {
        var shadow = answer.ShadowOf(exitLayer, weights);
        var room = Math.Min(numSpeculations, maxTokens - position - 1);
        var accepted = 0;
        while (accepted < room && position + accepted < answer.Tokens.Count && shadow[position + accepted] == answer.Tokens[position + accepted])
        {
            accepted++;
            if (stopIds.Contains(answer.Tokens[position + accepted - 1]))
            {
                return new Round(accepted, accepted, accepted, EndsInStop: true);
            }
        }

        var wrong = position + accepted;
        var endsInStop = accepted < room && wrong < answer.Tokens.Count && stopIds.Contains(shadow[wrong]);
        return new Round(endsInStop ? accepted + 1 : Math.Max(0, room), accepted, Math.Min(accepted + 1, answer.Tokens.Count - position), endsInStop);
    }

    /// <summary>The draft's passes and heads, then the verification, which runs what coarse weights have drafted through all layers: a stop token that ends a draft needs no row.</summary>
    private double Seconds(int exitLayer, int inputs, Round round, DraftWeights weights)
    {
        var exactPass = costs.DraftSteps[exitLayer - 1] - costs.DraftHead;
        var passes = round.Drafted - (round.EndsInStop ? 1 : 0);
        var drafting = weights == DraftWeights.Exact
            ? passes * exactPass
            : exitLayer * ((Math.Max(0, round.Drafted - 1) * costs.CoarseLayer[weights]) + (passes > 0 ? costs.LayerOf(passes) : 0));
        return (inputs == 1 ? exactPass : exitLayer * costs.LayerOf(inputs))
            + drafting
            + (round.Drafted * costs.DraftHead)
            + Final(costs, costs.Layers - exitLayer, inputs + passes, 1 + passes)
            + costs.HeadOf(1 + passes);
    }

    /// <summary>All layers' passes by coarse weights and heads, from the input on, then the verification through all layers.</summary>
    private double SecondsOfAll(int inputs, Round round, DraftWeights weights)
    {
        var passes = round.Drafted - (round.EndsInStop ? 1 : 0);
        return (round.Drafted * costs.CoarseStep(weights)) + Final(costs, costs.Layers, inputs + passes, 1 + passes) + costs.HeadOf(1 + passes);
    }

    private static double Plain(MeasuredCosts costs, ShadowedAnswer answer) =>
        costs.PlainRequest + Pieces(costs, answer.PromptTokens)
        + Final(costs, costs.Layers, FirstInputs(answer.PromptTokens), 1) + costs.HeadOf(1)
        + ((answer.Tokens.Count - 1) * costs.PlainStep);

    /// <summary>Layers up to the last, of which the last is left out for the rows that nobody reads but for their keys and values.</summary>
    private static double Final(MeasuredCosts costs, int layers, int rows, int read) => ((layers - 1) * costs.LayerOf(rows)) + costs.LayerOf(read);

    /// <summary>The prompt's rows in the first round; what is before them runs in pieces.</summary>
    private static int FirstInputs(int promptTokens) => ((promptTokens - 1) % Generation.PrefillRows) + 1;

    private static double Pieces(MeasuredCosts costs, int promptTokens) =>
        (promptTokens - 1) / Generation.PrefillRows * costs.Layers * costs.LayerOf(Generation.PrefillRows);

    private readonly record struct Round(int Drafted, int Accepted, int Tokens, bool EndsInStop);
}
