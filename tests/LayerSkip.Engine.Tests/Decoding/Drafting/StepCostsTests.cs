using LayerSkip.Engine.Decoding.Drafting;

namespace LayerSkip.Engine.Tests.Decoding.Drafting;

/// <summary>What steps cost, where sequences share them.</summary>
public class StepCostsTests
{
    [Theory]
    [InlineData(false, 12_000)]
    [InlineData(true, 16_000)]
    public void A_pass_is_its_layers_and_its_head(bool head, long ticks)
    {
        // The head costs four layers.
        var costs = new StepCosts(kind: 0, headRatio: 4, guessRatio: 1);
        for (var pass = 0; pass < 20; pass++)
        {
            costs.AddPass(rows: 1, layers: 12, head, ticks);
        }

        costs.Refresh();
        Assert.Equal(1000, costs.Layer(1), tolerance: 50.0);
    }

    [Theory]
    [InlineData(1, 1, 1)] // alone
    [InlineData(8, 1, 8)]
    [InlineData(8, 4, 8)]
    [InlineData(8, 5, 6)] // so many sequences of 5 rows fit 32
    [InlineData(8, 20, 1)]
    [InlineData(8, 200, 1)]
    public void A_share_is_of_a_pass_of_as_many_as_fit(int company, int rows, int expected)
    {
        var costs = StepCosts.Of(static rows => 10 + rows, head: 2, guess: 1);
        costs.Share(company, sharedRows: 32);
        Assert.Equal((10.0 + (expected * rows)) / expected, costs.SharedLayer(rows), tolerance: 1e-9);
        Assert.Equal(2 * costs.SharedLayer(rows), costs.SharedHead(rows), tolerance: 1e-9);
    }

    [Fact]
    public void A_share_of_a_drafts_step_is_of_those_that_have_drafted_along()
    {
        var costs = StepCosts.Of(static rows => 10 + rows, head: 2, guess: 3);
        Assert.Equal((11.0, 33.0), (costs.DraftLayer(1), costs.Guess));
        costs.Share(8, sharedRows: 32);
        Assert.Equal((18.0 / 8, 3 * 18.0 / 8), (costs.DraftLayer(1), costs.Guess));
        for (var step = 0; step < 200; step++)
        {
            costs.DraftedWith(3);
        }

        Assert.Equal(13.0 / 3, costs.DraftLayer(1), tolerance: 1e-3);
        Assert.Equal(3 * 13.0 / 3, costs.Guess, tolerance: 1e-3);
        costs.Share(1, sharedRows: 32);
        Assert.Equal((11.0, 33.0), (costs.DraftLayer(1), costs.Guess));
    }

    [Theory]
    [InlineData(200)]
    [InlineData(2000)]
    [InlineData(9000)]
    public void What_layers_do_not_explain_of_a_step_of_drafts_is_its_guesses(int guesses)
    {
        var costs = new StepCosts(kind: 0, headRatio: 4, guessRatio: 2);
        for (var step = 0; step < 100; step++)
        {
            costs.AddLayers(rows: 3, layers: 12, ticks: 12_000);
            costs.AddDraftStep(rows: 3, layers: 4, guesses: 3, ticks: 4000 + guesses);
            costs.Refresh();
        }

        Assert.Equal(1000, costs.Layer(3), tolerance: 50.0);
        costs.Share(3, sharedRows: 32);
        Assert.Equal(Math.Max(guesses, 0.05 * (4000 + guesses)) / 3.0, costs.Guess, tolerance: guesses / 10.0);
    }

    [Theory]
    [InlineData(100, 32)]
    [InlineData(20, 20)]
    public void Guesses_are_shared_by_as_many_as_fit(int company, int expected)
    {
        var costs = StepCosts.Of(static rows => 10 + rows, head: 2, guess: 3);
        costs.Share(company, sharedRows: 32);
        Assert.Equal(3 * (10.0 + expected) / expected, costs.Guess, tolerance: 1e-9);
    }

    [Fact]
    public void A_step_of_drafts_is_its_layers_and_its_guesses_as_they_were_expected()
    {
        var costs = new StepCosts(kind: 0, headRatio: 4, guessRatio: 2);
        for (var step = 0; step < 100; step++)
        {
            costs.AddDraftStep(rows: 3, layers: 4, guesses: 3, ticks: 6000);
            costs.Refresh();
        }

        // The first is dealt out as a guess of two layers; then layers are known.
        Assert.Equal(1000, costs.Layer(3), tolerance: 50.0);
        costs.Share(3, sharedRows: 32);
        Assert.Equal(2000 / 3.0, costs.Guess, tolerance: 50.0);
    }

    [Fact]
    public void Coarse_drafts_save_reading_and_run_their_rows_again()
    {
        // A layer takes 10, and 1 for each row; by coarse weights half of one row's.
        var (exact, coarse) = (StepCosts.Of(static rows => 10 + rows, head: 2, guess: 1), StepCosts.Of(static rows => 10 + rows, head: 2, guess: 1, draftsCoarsely: true));
        var (byLayers, byCopies) = (new RoundCost(exact, layers: 6), new RoundCost(coarse, layers: 6));
        Assert.Equal(byLayers.Plain(3), byCopies.Plain(3));
        Assert.Equal(byLayers.Drafted(2, 1, 0, 0), byCopies.Drafted(2, 1, 0, 0));
        Assert.Equal(byLayers.Drafted(2, 1, 4, 4) - (2 * 4 * 11) + (2 * ((3 * 5.5) + 14)), byCopies.Drafted(2, 1, 4, 4), tolerance: 1e-9);

        // A draft of one token has no row that a guess follows. Token by token the same costs add up.
        Assert.Equal(byLayers.Drafted(2, 1, 1, 1), byCopies.Drafted(2, 1, 1, 1), tolerance: 1e-9);
        foreach (var cost in (RoundCost[])[byLayers, byCopies])
        {
            var behind = (4 * (coarse.Layer(5) - coarse.Layer(4))) + coarse.Head(5) - coarse.Head(4);
            Assert.Equal(cost.Drafted(2, 1, 4, 4) - cost.Drafted(2, 1, 3, 3), cost.FurtherGuess(2) + cost.Row(2, 4) + behind, tolerance: 1e-9);
        }

        // Company shares what it reads, and drafts by the layers.
        (byLayers, byCopies) = (Beside(exact), Beside(coarse));
        Assert.Equal(byLayers.Drafted(2, 1, 4, 4), byCopies.Drafted(2, 1, 4, 4));

        static RoundCost Beside(StepCosts costs)
        {
            costs.Share(3, sharedRows: 32);
            return new(costs, layers: 6);
        }
    }

    [Fact]
    public void A_coarse_layer_is_measured_by_itself()
    {
        var costs = new StepCosts(kind: 0, headRatio: 4, guessRatio: 2, draftsCoarsely: true);
        for (var pass = 0; pass < 20; pass++)
        {
            costs.AddLayers(rows: 1, layers: 4, ticks: 4000);
            costs.AddCoarseLayers(rows: 1, layers: 2, ticks: 400);
        }

        costs.Refresh();
        Assert.Equal((1000, 200), ((int)Math.Round(costs.Layer(1)), (int)Math.Round(costs.CoarseLayer)));
        Assert.Equal(200, Math.Round(new StepCosts(costs).CoarseLayer));
    }
}
