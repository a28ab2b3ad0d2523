using LayerSkip.Training.Recipes;

namespace LayerSkip.Training.Tests.Recipes;

public class ModelGrowthTests
{
    private static readonly LayerSkipRecipe _growing = new() { ExitScale = 1, Growth = [new(0, 2), new(0.25, 3), new(0.5, 4)] };

    [Theory]
    [InlineData(0, 2)]
    [InlineData(24, 2)]
    [InlineData(25, 3)]
    [InlineData(50, 4)]
    [InlineData(99, 4)]
    public void Depth_rises_at_the_stages_shares(long step, int depth) => Assert.Equal(depth, _growing.DepthAt(4, step, 100));

    [Fact]
    public void Without_stages_a_model_has_all_layers() => Assert.Equal(7, ModelGrowth.Depth(new(), 7, 0, 10));

    [Fact]
    public void The_last_layer_there_is_counts_as_the_last()
    {
        var recipe = _growing with { ExitWeighting = ExitWeighting.Linear };
        Assert.Equal(EarlyExitLoss.Weights(recipe with { Growth = [] }, 2, 0, 100), EarlyExitLoss.Weights(recipe, 4, 0, 100)[..2]);
        Assert.Equal([0, 0], EarlyExitLoss.Weights(recipe, 4, 0, 100)[2..]);
        Assert.Equal(EarlyExitLoss.Weights(recipe with { Growth = [] }, 4, 60, 100), EarlyExitLoss.Weights(recipe, 4, 60, 100));

        var listed = new LayerSkipRecipe { ExitWeights = [1, 2, 3, 5], Growth = _growing.Growth };
        Assert.Equal([1 / 6d, 5 / 6d, 0, 0], EarlyExitLoss.Weights(listed, 4, 0, 100));
    }

    [Theory]
    [InlineData(0.1, 2, 0.5, 4)] // does not start at the start
    [InlineData(0, 0, 0.5, 4)]   // no layers
    [InlineData(0, 2, 0, 4)]     // two stages at once
    [InlineData(0, 3, 0.5, 2)]   // shrinks
    [InlineData(0, 2, 0.5, 3)]   // does not end with the whole model
    [InlineData(0, 2, 1, 4)]     // ends before the whole model trains
    [InlineData(0, 2, 0.995, 4)] // begins behind the last of a hundred steps
    [InlineData(0, 2, double.NaN, 4)]
    public void Stages_that_do_not_rise_to_the_whole_model_are_refused(double first, int firstLayers, double second, int secondLayers)
    {
        var recipe = new LayerSkipRecipe { Growth = [new(first, firstLayers), new(second, secondLayers)] };
        Assert.Contains("Growth", Assert.Throws<ArgumentException>(() => ModelGrowth.Check(recipe, 4, 100)).Message, StringComparison.Ordinal);
    }
}
