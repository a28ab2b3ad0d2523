using LayerSkip.Training.Layers;
using LayerSkip.Training.Models;

namespace LayerSkip.Training.Tests.Models;

public class TrainingModelTests
{
    [Theory]
    [InlineData(true, null, 0, 0)]
    [InlineData(false, 2, 0, 0.25)]
    [InlineData(true, null, 0.3, 0)]
    public void Gradient_of_the_whole_model_is_that_of_the_naive_one(bool tied, int? headRows, double dropped, double promptWeight)
    {
        var config = Shapes.Tiny(tied);
        using var model = new TrainingModel(config, threads: 2, headRows);
        Initialization.Fill(model.Parameters, config, deviation: 0.4, seed: 5, config.Layers);
        var batch = Shapes.Batch(new Random(2), config.VocabularySize, promptWeight, 5, 2, 8, 4);
        IReadOnlyList<int>?[] kept = [null, [1, 2], [0, 1, 3]];
        double[] weights = [0.2, 0, 0.8];
        var scale = 1.0 / batch.TotalWeight;

        var dropout = new Dropout(dropped, Key: 4);

        var losses = model.ForwardBackward(batch, weights, scale, kept, smoothing: 0, dropout);
        var naive = new NaiveModel(config, model.Parameters);
        var expected = naive.Losses(batch, kept, dropout);
        Assert.Equal(expected[0], losses[0], 1e-4);
        Assert.True(double.IsNaN(losses[1]));
        Assert.Equal(expected[2], losses[2], 1e-4);

        double Loss() => scale * naive.Losses(batch, kept, dropout).Zip(weights, static (loss, weight) => loss * weight).Sum();
        foreach (var tensor in model.Gradients.Tensors)
        {
            var view = model.Gradients.View(tensor.Name);
            double[] actual = [.. Enumerable.Range(0, tensor.Rows).SelectMany(row => view.Row(row).ToArray().Select(value => (double)value))];
            NumericalGradient.AssertMatches(naive.Weights[tensor.Name], Loss, actual, tensor.Name);
            Assert.Contains(actual, value => value != 0);
        }
    }

    [Fact]
    public void Losses_without_gradients_are_those_of_the_naive_model()
    {
        var config = Shapes.Tiny(tied: false);
        using var model = new TrainingModel(config, threads: 1, headRows: 3);
        Initialization.Fill(model.Parameters, config, deviation: 0.4, seed: 6, config.Layers);
        var batch = Shapes.Batch(new Random(3), config.VocabularySize, 9, 3);
        var losses = model.Losses(batch, [true, false, true]);
        var expected = new NaiveModel(config, model.Parameters).Losses(batch, null);
        Assert.Equal(expected[0], losses[0], 1e-4);
        Assert.True(double.IsNaN(losses[1]));
        Assert.Equal(expected[2], losses[2], 1e-4);
    }

    [Fact]
    public void Packing_does_not_let_sequences_see_one_another()
    {
        var config = Shapes.Tiny();
        using var model = new TrainingModel(config, threads: 1);
        Initialization.Fill(model.Parameters, config, deviation: 0.4, seed: 6, config.Layers);
        TrainingSequence[] sequences = [new([1, 2, 3, 4]), new([5, 6]), new([7, 8, 9, 10, 11])];
        bool[] exits = [true, true, true];
        var together = model.Losses(new SequenceBatch(sequences), exits);
        var apart = sequences.Select(sequence => model.Losses(new SequenceBatch([sequence]), exits)).ToArray();
        for (var l = 0; l < 3; l++)
        {
            Assert.Equal(apart.Sum(losses => losses[l]), together[l], 1e-4);
        }
    }

    [Fact]
    public void Dropped_sequences_cost_no_rows_and_a_layer_nobody_runs_changes_nothing()
    {
        var config = Shapes.Tiny();
        using var model = new TrainingModel(config, threads: 1);
        Initialization.Fill(model.Parameters, config, deviation: 0.4, seed: 6, config.Layers);
        var batch = Shapes.Batch(new Random(4), config.VocabularySize, 5, 3, 7);
        model.ForwardBackward(batch, [0, 0, 1], 1, [null, [1], []]);
        Assert.Equal(12 + 2, model.LayerRows);
        var (w, gradients) = (model.Gradients.View("model.layers.2.mlp.down_proj.weight"), new List<float>());
        for (var row = 0; row < w.Rows; row++)
        {
            gradients.AddRange(w.Row(row));
        }

        Assert.All(gradients, gradient => Assert.Equal(0, gradient));
    }

    [Fact]
    public void Matrix_operations_are_counted_per_row_run()
    {
        var config = Shapes.Tiny();
        using var model = new TrainingModel(config, threads: 1);
        var batch = Shapes.Batch(new Random(4), config.VocabularySize, 5, 3, 7);
        model.ForwardBackward(batch, [0, 0, 1], 1, [[], [], []]);
        var headOnly = model.Operations;
        Assert.Equal(6L * batch.Targets * config.VocabularySize * config.HiddenSize, headOnly);
        model.ForwardBackward(batch, [0, 0, 1], 1, [[0], [], []]);
        var weights = (48 * 9) + (9 * 24) + (22 * 9) + (9 * 11); // qkv, o, gate and up, down
        Assert.Equal(6L * 4 * weights, model.Operations - (2 * headOnly));
    }
}
