using LayerSkip.Training.Recipes;

namespace LayerSkip.Training.Tests.Recipes;

public class LayerDropoutTests
{
    private static readonly LayerSkipRecipe s_recipe = new() { MaxDropout = 0.2 };

    [Fact]
    public void Probabilities_of_twelve_layers_are_the_papers()
    {
        double[] expected = [0, .013, .027, .042, .057, .074, .092, .111, .131, .153, .176, .200];
        var actual = Enumerable.Range(0, 12).Select(l => LayerDropout.Probability(s_recipe, l, 12, 7, 100)).ToArray();
        for (var l = 0; l < 12; l++)
        {
            Assert.Equal(expected[l], actual[l], 0.00051);
        }

        Assert.Equal(0.090, actual.Average(), 0.0005);
    }

    [Fact]
    public void First_layer_is_never_dropped_even_where_it_is_the_only_one()
    {
        var recipe = s_recipe with { MaxDropout = 1 };
        Assert.Equal(0, recipe.DropoutAt(0, 1, 7, 100));
        Assert.Equal(0, recipe.DropoutAt(0, 1, 0, 1));
        Assert.Equal([null], LayerDropout.Draw(recipe, 1, 40, 7, 100, seed: 9, part: 0));
    }

    [Fact]
    public void Exponential_schedule_runs_from_zero_to_one()
    {
        var recipe = s_recipe with { DropoutSchedule = DropoutSchedule.Exponential };
        Assert.Equal(0, LayerDropout.Probability(recipe, 11, 12, 0, 101));
        Assert.Equal(0.2 * (Math.Sqrt(2) - 1), LayerDropout.Probability(recipe, 11, 12, 50, 101), 1e-12);
        Assert.Equal(0.2, LayerDropout.Probability(recipe, 11, 12, 100, 101), 1e-12);
        Assert.Equal(0.2, LayerDropout.Probability(recipe, 11, 12, 500, 101), 1e-12);
    }

    [Fact]
    public void Draws_follow_the_probabilities_and_depend_on_their_arguments_alone()
    {
        const int Samples = 40;
        var dropped = new double[12];
        for (var step = 0; step < 500; step++)
        {
            var kept = LayerDropout.Draw(s_recipe, 12, Samples, step, 500, seed: 9, part: 0);
            var again = LayerDropout.Draw(s_recipe, 12, Samples, step, 500, seed: 9, part: 0);
            for (var l = 0; l < 12; l++)
            {
                Assert.Equal(kept[l], again[l]);
                dropped[l] += Samples - (kept[l]?.Count ?? Samples);
            }
        }

        for (var l = 0; l < 12; l++)
        {
            Assert.Equal(LayerDropout.Probability(s_recipe, l, 12, 0, 500), dropped[l] / (500 * Samples), 0.012);
        }

        Assert.NotEqual(
            LayerDropout.Draw(s_recipe, 12, Samples, 1, 500, 9, 0)[11], LayerDropout.Draw(s_recipe, 12, Samples, 1, 500, 9, 1)[11]);
        Assert.NotEqual(
            LayerDropout.Draw(s_recipe, 12, Samples, 1, 500, 9, 0)[11], LayerDropout.Draw(s_recipe, 12, Samples, 1, 500, 8, 0)[11]);
    }
}
