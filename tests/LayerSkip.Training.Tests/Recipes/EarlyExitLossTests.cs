using LayerSkip.Training.Recipes;

namespace LayerSkip.Training.Tests.Recipes;

public class EarlyExitLossTests
{
    [Theory]
    [InlineData(24, 5, .0065)]
    [InlineData(24, 11, .0287)]
    [InlineData(24, 22, .110)]
    [InlineData(24, 23, .120)]
    [InlineData(12, 5, .052)]
    [InlineData(12, 10, .192)]
    [InlineData(12, 11, .231)]
    [InlineData(8, 7, .333)]
    [InlineData(12, 0, 0)]
    public void Normalised_weights_are_the_papers(int layers, int layer, double expected)
    {
        var weights = EarlyExitLoss.Weights(new() { ExitScale = 1 }, layers, 0, 10);
        Assert.Equal(1, weights.Sum(), 1e-12);
        Assert.Equal(expected, weights[layer], 0.00051);
    }

    [Fact]
    public void Without_a_scale_only_the_last_layer_counts()
    {
        foreach (var weighting in Enum.GetValues<ExitWeighting>())
        {
            Assert.Equal([0, 0, 0, 1], EarlyExitLoss.Weights(new() { ExitWeighting = weighting }, 4, 0, 10));
        }

        Assert.Equal([1], EarlyExitLoss.Weights(new(), 1, 0, 10));
    }

    [Fact]
    public void Flatter_weightings_grow_with_the_layer_and_its_root()
    {
        var linear = EarlyExitLoss.Weights(new() { ExitScale = 1, ExitWeighting = ExitWeighting.Linear }, 4, 0, 10);
        Assert.Equal([.1, .2, .3, .4], linear.Select(weight => Math.Round(weight, 12)));
        var root = EarlyExitLoss.Weights(new() { ExitScale = 0.5, ExitWeighting = ExitWeighting.SquareRoot }, 4, 0, 10);
        Assert.Equal(0.5 * Math.Sqrt(2) / 2, root[1] / root[3], 1e-12);
    }

    [Fact]
    public void Rotation_enables_each_exit_once_in_R_steps_and_the_last_always()
    {
        var recipe = new LayerSkipRecipe { ExitScale = 1, Curriculum = ExitCurriculum.Rotational, Rotation = 5 };
        for (var start = 0; start < 3; start++)
        {
            for (var l = 0; l < 11; l++)
            {
                Assert.Equal(1, Enumerable.Range(start, 5).Count(t => EarlyExitLoss.IsEnabled(recipe, l, 12, t, 100)));
            }
        }

        for (var t = 0; t < 20; t++)
        {
            var weights = EarlyExitLoss.Weights(recipe, 12, t, 100);
            Assert.True(weights[11] > 0);
            Assert.InRange(weights.Count(weight => weight > 0), 1, 4);
            Assert.Equal(1, weights.Sum(), 1e-12);
        }
    }

    [Fact]
    public void Gradual_curriculum_adds_an_exit_downward_every_T_over_2L_steps()
    {
        var recipe = new LayerSkipRecipe { ExitScale = 1, Curriculum = ExitCurriculum.Gradual, ExitWeighting = ExitWeighting.Linear };
        int Enabled(long t) => EarlyExitLoss.Weights(recipe, 6, t, 120).Count(weight => weight > 0);
        Assert.Equal(1, Enabled(0));
        Assert.Equal(1, Enabled(9));
        Assert.Equal(2, Enabled(10));
        Assert.Equal(3, Enabled(20));
        Assert.Equal(6, Enabled(60));
        Assert.Equal(6, Enabled(119));
        Assert.True(EarlyExitLoss.IsEnabled(recipe, 4, 6, 10, 120));
        Assert.False(EarlyExitLoss.IsEnabled(recipe, 3, 6, 10, 120));
    }

    [Fact]
    public void Values_out_of_range_are_named()
    {
        Assert.Equal("MaxDropout", Assert.Throws<ArgumentOutOfRangeException>(() => new LayerSkipRecipe { MaxDropout = 1.5 }.Validate()).ParamName);
        Assert.Equal("MaxDropout", Assert.Throws<ArgumentOutOfRangeException>(() => new LayerSkipRecipe { MaxDropout = double.NaN }.Validate()).ParamName);
        Assert.Equal("ExitScale", Assert.Throws<ArgumentOutOfRangeException>(() => new LayerSkipRecipe { ExitScale = -1 }.Validate()).ParamName);
        Assert.Equal("Rotation", Assert.Throws<ArgumentOutOfRangeException>(() => new LayerSkipRecipe { Rotation = 0 }.Validate()).ParamName);
    }

    [Fact]
    public void Recipe_shows_its_schedules()
    {
        var recipe = new LayerSkipRecipe { MaxDropout = 0.2, DropoutSchedule = DropoutSchedule.Exponential, ExitScale = 1, ExitWeighting = ExitWeighting.Linear, Curriculum = ExitCurriculum.Rotational, Rotation = 2 };

        Assert.Equal(0.2, recipe.DropoutAt(3, 4, 99, 100), 1e-12);
        Assert.Equal(0, recipe.DropoutAt(3, 4, 0, 100));
        Assert.Equal([1.0 / 8, 0, 3.0 / 8, 4.0 / 8], recipe.ExitWeightsAt(4, 0, 100));
        Assert.Equal([0, 2.0 / 6, 0, 4.0 / 6], recipe.ExitWeightsAt(4, 1, 100));
        Assert.Throws<ArgumentException>(() => new LayerSkipRecipe { ExitWeights = [1, 1] }.ExitWeightsAt(4, 0, 100));
    }
}
