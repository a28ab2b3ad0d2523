using LayerSkip.Engine.Decoding.Drafting;

namespace LayerSkip.Engine.Tests.Decoding.Drafting;

/// <summary>Costs by rows are learnt from noisy samples.</summary>
public class RowCostsTests
{
    [Fact]
    public void Steps_of_tiles_are_learnt_where_they_are_seen_and_bridged_by_a_line_where_not()
    {
        // A tile of six rows, then another.
        static double Truth(int rows) => rows <= 6 ? 100 + (10 * (rows - 1)) : 250 + (10 * (rows - 7));
        var random = new Random(2);
        var costs = new RowCosts();
        for (var i = 0; i < 2000; i++)
        {
            // Now and then a step is interrupted.
            var rows = random.Next(1, 11);
            costs.Add(rows, Truth(rows) * (1 + (0.05 * random.NextDouble())) * (random.Next(10) == 0 ? 8 : 1));
        }

        costs.Refresh();
        for (var rows = 1; rows <= 10; rows++)
        {
            Assert.InRange(costs[rows] / Truth(rows), 0.9, 1.25);
        }

        Assert.True(costs[7] - costs[6] > 2 * (costs[6] - costs[5]));
        Assert.InRange(costs[20], 250, 600);
        Assert.Equal((costs[3] + costs[4]) / 2, costs[3.5], 1e-9);
    }

    [Fact]
    public void One_sample_says_what_other_numbers_of_rows_may_cost()
    {
        var costs = new RowCosts();
        Assert.False(costs.IsMeasured);
        costs.Add(1, 100);
        Assert.Equal(100, costs[1], 1e-6);
        Assert.Equal(100 * (1 + (RowCosts.AssumedSlope * 5)), costs[6], 1e-6);
    }

    [Fact]
    public void What_was_slow_once_is_forgotten()
    {
        var costs = new RowCosts();
        costs.Add(8, 5000);
        for (var i = 0; i < 400; i++)
        {
            costs.Add(1 + (i % 4), 100 + (10 * (i % 4)));
            costs.Refresh();
        }

        Assert.InRange(costs[8], 140, 260);
    }

    [Fact]
    public void What_some_requests_have_not_seen_is_assumed_again()
    {
        // A process's first guess, which had to be compiled, and was so slow that nothing was drafted any more.
        var costs = new RowCosts();
        costs.Add(1, 5_000_000);
        for (var request = 0; request < 200; request++)
        {
            costs = new RowCosts(costs);
            Assert.Equal(request < 4, costs.IsMeasured);
            if (costs.IsMeasured)
            {
                Assert.Equal(5_000_000, costs[1], 1);
            }
        }

        costs.Add(1, 100);
        Assert.Equal(100, costs[1], 1e-6);
    }

    [Fact]
    public void A_step_that_had_to_be_compiled_is_forgotten_as_soon_as_it_has_run_at_speed()
    {
        var costs = new RowCosts();
        costs.Add(11, 50_000);
        costs.Add(13, 40_000);
        costs.Add(1, 100);
        costs.Add(11, 200);
        costs.Refresh();

        Assert.InRange(costs[13], 200, 250);
    }
}
