using LayerSkip.Cli.Reports;
using LayerSkip.Cli.Tuning;
using LayerSkip.Engine;
using LayerSkip.Engine.Decoding;
using LayerSkip.Tests;

namespace LayerSkip.Cli.Tests.Tuning;

public class CostModelTests
{
    /// <summary>Four layers of 1 s a row in passes of one, 2 s for four rows; the head 1 s, the draft's 0.5 s.</summary>
    private static readonly MeasuredCosts s_costs = new()
    {
        Layers = 4,
        PlainStep = 5,
        DraftSteps = [1.5, 2.5, 3.5],
        DraftHead = 0.5,
        Layer = [(1, 1), (4, 2), (8, 6)],
        Head = [(1, 1), (4, 1), (8, 3)],
        PlainRequest = 0.25,
        DraftRequest = 0.75,
    };

    [Fact]
    public void Costs_lie_on_straight_lines_between_what_is_measured()
    {
        foreach (var (rows, seconds) in ((int, double)[])[(1, 1), (2, 4.0 / 3), (4, 2), (5, 3), (8, 6), (16, 12)])
        {
            Assert.Equal(seconds, s_costs.LayerOf(rows), 1e-12);
        }

        Assert.Equal((2 * 2) + 1, s_costs.Verification(2, 4));
    }

    [Fact]
    public void Fewer_rows_take_no_longer_than_more()
    {
        var costs = s_costs with { Layer = [(1, 1), (4, 9), (8, 6), (16, 7)] };

        Assert.Equal([1, 6, 6, 7], costs.Layer.Select(cost => cost.Seconds));
        Assert.Equal(6, costs.LayerOf(5));
    }

    [Fact]
    public void Prediction_is_what_a_hand_computes()
    {
        // Answer 1 2 3 4 5 6, exit 1 drafts 3 in place of 2, and right everywhere else; three tokens a round.
        var answer = new ShadowedAnswer(4, [1, 2, 3, 4, 5, 6], [[1, 3, 3, 4, 5, 6], [0, 0, 0, 0, 0, 0], [1, 2, 3, 4, 5, 6]]);
        var model = new CostModel(s_costs, [answer], [], maxTokens: 6);

        // Prompt of four rows through three layers, its last row through the fourth and the head, then five steps.
        Assert.Equal(0.25 + (3 * 2) + 1 + 1 + (5 * 5), model.Autoregressive);

        // Round 1: four rows through one layer (2), three heads (1.5) and passes (3); two layers over 7 rows (5), one over 4 (2), the head over 4 (1). 1 of 3 right: 1 2.
        // Round 2, from 3 on: four passes (4) and three heads (1.5); three layers over 4 rows (2), the head (1). 3 of 3 right: 3 4 5 6.
        var seconds = 0.75 + (2 + 1.5 + 3 + (2 * 5) + 2 + 1) + (4 + 1.5 + (3 * 2) + 1);
        var prediction = model.Predict(1, 3);
        Assert.Equal((1, 3), (prediction.ExitLayer, prediction.NumSpeculations));
        Assert.Equal(model.Autoregressive / seconds, prediction.Speedup, 1e-12);
        Assert.Equal(4.0 / 6, prediction.AcceptanceRate, 1e-12);
        Assert.Equal(3, prediction.TokensPerRound, 1e-12);
        Assert.Equal(5.0 / 6, model.Agreement(1, DraftWeights.Exact), 1e-12);
        Assert.Equal(0, model.Agreement(2, DraftWeights.Exact));
    }

    [Fact]
    public void Rounds_of_equal_length_give_the_formula()
    {
        // A prompt of one token, and drafts that are always right: every round has γ = 3 and r = 1.
        int[] answer = [.. Enumerable.Range(1, 40)];
        var free = s_costs with { PlainRequest = 0, DraftRequest = 0 };
        var model = new CostModel(free, [new ShadowedAnswer(1, answer, [answer, answer, answer])], [], maxTokens: 40);

        // t_verify holds the last draft's own pass through the first layers.
        var (draft, verify) = (free.DraftSteps[1], free.DraftSteps[1] - free.DraftHead + free.Verification(2, 4));
        Assert.Equal(free.PlainStep * ((3 * 1) + 1) / ((3 * draft) + verify), model.Predict(2, 3).Speedup, 1e-12);
    }

    [Fact]
    public void Stop_token_ends_a_draft_and_needs_no_row()
    {
        var answer = new ShadowedAnswer(1, [5, 9], [[5, 9], [9, 9], [5, 5]]);
        var model = new CostModel(s_costs, [answer], [9], maxTokens: 50);

        // Exit 1 drafts 5 and the end: one pass for the input, one for 5, two heads; verified are two rows.
        var right = model.Predict(1, 8);
        Assert.Equal(2, right.TokensPerRound);
        Assert.Equal(1, right.AcceptanceRate);
        Assert.Equal(model.Autoregressive / (0.75 + 2 + (2 * 0.5) + (3 * (4.0 / 3)) + 1), right.Speedup, 1e-12);

        // Exit 2 drafts the end at once, wrongly: one head, one row; then again, rightly.
        var wrong = model.Predict(2, 8);
        Assert.Equal((1, 0.5), (wrong.TokensPerRound, wrong.AcceptanceRate));
    }

    [Fact]
    public void All_layers_draft_from_the_input_on_and_are_verified_in_one_pass()
    {
        // Four coarse layers a token; the second of the answer is guessed wrong.
        var costs = s_costs with { CoarseLayer = new Dictionary<DraftWeights, double> { [DraftWeights.Int8] = 0.25 } };
        int[] none = [0, 0, 0, 0, 0, 0];
        var answer = new ShadowedAnswer(1, [1, 2, 3, 4, 5, 6], [none, none, none]) { CoarseShadows = new Dictionary<DraftWeights, int[]> { [DraftWeights.Int8] = [1, 3, 3, 4, 5, 6] } };
        var model = new CostModel(costs, [answer], [], maxTokens: 6);
        Assert.Equal(5.0 / 6, model.Agreement(4, DraftWeights.Int8), 1e-12);

        // Two rounds of three drafts (each 1 + 0.5) and four rows through all layers (8) and the head (1): 1 2, then 3 4 5 6.
        var prediction = model.Predict(4, 3, DraftWeights.Int8);
        Assert.Equal(model.Autoregressive / (0.75 + (2 * ((3 * 1.5) + 8 + 1))), prediction.Speedup, 1e-12);
        Assert.Equal((4.0 / 6, 3), (prediction.AcceptanceRate, prediction.TokensPerRound));

        // A prompt of several tokens is a round without drafts.
        var longer = new CostModel(costs, [answer with { PromptTokens = 4 }], [], maxTokens: 6).Predict(4, 3, DraftWeights.Int8);
        Assert.Equal(2, longer.TokensPerRound);
    }

    [Fact]
    public void Long_prompt_runs_in_pieces_in_both_modes()
    {
        var model = new CostModel(s_costs with { PlainRequest = 0 }, [new ShadowedAnswer(257, [1], [[1], [1], [1]])], [], maxTokens: 1);

        Assert.Equal((4 * s_costs.LayerOf(256)) + (4 * 1) + 1, model.Autoregressive);
        Assert.Equal(1, model.Predict(1, 4).TokensPerRound);
    }

    /// <summary>What is replayed is what decoding does, for every exit and length.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Replay_counts_the_drafts_and_rounds_of_decoding(int seed)
    {
        using var checkpoint = TokenizedCheckpoint.Write();
        using var model = LayerSkipModel.Load(checkpoint.Directory);
        var random = new Random(seed);
        int[][] prompts = [.. Enumerable.Range(0, 3).Select(_ => Enumerable.Range(0, random.Next(1, 12)).Select(_ => random.Next(TokenizedCheckpoint.Tokens)).ToArray())];
        var answers = prompts.Select(prompt => ShadowedAnswer.Record(model, prompt, 20, CancellationToken.None)).ToArray();
        var costs = new CostModel(s_costs, answers, [], maxTokens: 20);

        for (var exit = 1; exit < model.Config.Layers; exit++)
        {
            foreach (var length in (int[])[1, 3, 7])
            {
                var (rounds, tokens, drafted, accepted) = (0, 0, 0, 0);
                foreach (var prompt in prompts)
                {
                    using var generation = model.Generate(prompt, new DecodingOptions { Mode = DecodingMode.SelfSpeculative, ExitLayer = exit, NumSpeculations = length, MaxNewTokens = 20 });
                    while (generation.NextRound())
                    {
                    }

                    var statistics = generation.Statistics;
                    (rounds, tokens, drafted, accepted) = (rounds + statistics.Rounds, tokens + statistics.Tokens, drafted + statistics.Drafted, accepted + statistics.Accepted);
                }

                var prediction = costs.Predict(exit, length);
                Assert.Equal((double)tokens / rounds, prediction.TokensPerRound, 1e-12);
                Assert.Equal((double)accepted / drafted, prediction.AcceptanceRate, 1e-12);
            }
        }
    }

    /// <summary>Drafts of one token see what their shadow has seen, and no coarse row before it.</summary>
    [Theory]
    [InlineData(DraftWeights.Int8)]
    [InlineData(DraftWeights.Int4)]
    public void Shadows_of_all_layers_are_what_coarse_weights_draft(DraftWeights weights)
    {
        using var checkpoint = TokenizedCheckpoint.Write();
        using var model = LayerSkipModel.Load(checkpoint.Directory);
        var answer = ShadowedAnswer.Record(model, [1, 2, 3], 40, CancellationToken.None);
        var options = new DecodingOptions { ExitLayer = model.Config.Layers, DraftWeights = weights, NumSpeculations = 1, DraftController = DraftController.Fixed, MaxNewTokens = 40 };
        using var generation = model.Generate([1, 2, 3], options);
        var found = 0;
        while (generation.NextRound())
        {
            for (var i = 0; i < generation.RoundDraft.Length; i++, found++)
            {
                Assert.Equal(answer.CoarseShadows[weights][generation.Output.Length - generation.RoundTokens.Length], generation.RoundDraft[i]);
            }
        }

        Assert.InRange(found, 10, 39);
    }

    /// <summary>With a draft vocabulary and an end that drafts reach, as the parser has them.</summary>
    [Fact]
    public void Shadows_are_the_drafts_of_the_parser()
    {
        using var model = LayerSkipModel.Load(Tool.Parser);
        var prompt = model.Tokenizer.Encode("<|begin|><|user|> remind me to call mom at 5 pm<|assistant|>");
        var answer = ShadowedAnswer.Record(model, prompt, 96, CancellationToken.None);
        var prediction = new CostModel(
            new MeasuredCosts { Layers = 12, PlainStep = 12, DraftSteps = [.. Enumerable.Range(1, 11).Select(exit => (double)exit)], DraftHead = 0, Layer = [(1, 1)], Head = [(1, 0)] },
            [answer],
            model.Defaults.EndOfSequenceIds,
            96).Predict(2, 6);

        using var generation = model.Generate(prompt, new DecodingOptions { Mode = DecodingMode.SelfSpeculative, ExitLayer = 2, NumSpeculations = 6, MaxNewTokens = 96 });
        while (generation.NextRound())
        {
        }

        Assert.Equal(generation.Output, answer.Tokens.ToArray());
        Assert.Equal(generation.Statistics.TokensPerRound, prediction.TokensPerRound, 1e-12);
        Assert.Equal(generation.Statistics.AcceptanceRate, prediction.AcceptanceRate, 1e-12);
    }

    [Fact]
    public void Oracle_counts_the_smallest_exit_that_is_right()
    {
        var answer = new ShadowedAnswer(1, [1, 2, 3, 4], [[1, 0, 0, 0], [0, 2, 0, 0], [1, 2, 3, 0]]);

        var oracle = TuneReports.Oracle([answer], 4);

        Assert.Equal([0.25, 0.25, 0.25, 0.25], oracle.Share);
        Assert.Equal((2.5, 1.6), (oracle.MeanLayers, oracle.Bound));
    }

    [Fact]
    public void Candidates_are_the_best_but_no_neighbours_and_what_is_declared()
    {
        Prediction[] predictions =
        [
            Setting(2, 8, 1.9), Setting(2, 9, 2.0), Setting(2, 10, 1.95), Setting(2, 12, 1.7), Setting(3, 9, 1.8), Setting(4, 2, 1.1),
        ];

        Assert.Equal([predictions[1], predictions[4], predictions[3]], Tuner.Choose(predictions, 3, declared: null));
        Assert.Equal([predictions[1], predictions[4], predictions[0]], Tuner.Choose(predictions, 2, declared: predictions[0]));
        Assert.Equal([predictions[1], predictions[4]], Tuner.Choose(predictions, 2, declared: predictions[1]));

        // By other weights it is no neighbour.
        predictions = [.. predictions, Setting(2, 9, 1.97, DraftWeights.Int4)];
        Assert.Equal([predictions[1], predictions[^1], predictions[4]], Tuner.Choose(predictions, 3, declared: null));

        // One by exact weights is measured whatever is foretold of others.
        predictions = [.. predictions, Setting(4, 9, 2.4, DraftWeights.Int4), Setting(5, 9, 2.3, DraftWeights.Int8)];
        Assert.Equal([predictions[^2], predictions[^1], predictions[1]], Tuner.Choose(predictions, 2, declared: null));
    }

    [Fact]
    public void Coarse_drafts_are_predicted_with_the_layers_that_run_again()
    {
        var answer = new ShadowedAnswer(4, [1, 2, 3, 4, 5, 6], [[1, 3, 3, 4, 5, 6], [0, 0, 0, 0, 0, 0], [1, 2, 3, 4, 5, 6]]);
        var model = new CostModel(s_costs with { CoarseLayer = new Dictionary<DraftWeights, double> { [DraftWeights.Int4] = 0.25 } }, [answer], [], maxTokens: 6);

        // As by hand for exact weights, but that two passes through one layer take 0.25 each, nobody looks at the third's row, and one over all three rows comes with the verification.
        var again = 1 + (2.0 / 3);
        var seconds = 0.75 + (2 + 1.5 + (2 * 0.25) + again + (2 * 5) + 2 + 1) + (1 + (2 * 0.25) + again + 1.5 + (3 * 2) + 1);
        var prediction = model.Predict(1, 3, DraftWeights.Int4);
        Assert.Equal(model.Autoregressive / seconds, prediction.Speedup, 1e-12);
        Assert.Equal(DraftWeights.Int4, prediction.Weights);

        // One token is drafted by the layers themselves.
        Assert.Equal(model.Predict(1, 1).Speedup, model.Predict(1, 1, DraftWeights.Int4).Speedup);
    }

    private static Prediction Setting(int exit, int length, double speedup, DraftWeights weights = DraftWeights.Exact) => new(exit, length, weights, speedup, 1, 1);
}
