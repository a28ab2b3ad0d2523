using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Training.Layers;
using LayerSkip.Training.Models;
using LayerSkip.Training.Numerics;

namespace LayerSkip.Training.Tests.Layers;

/// <summary>Each layer alone: its forward pass against the formula, its backward pass against differences of the formula.</summary>
public sealed class GradientTests : IDisposable
{
    private readonly ComputePool _pool = new(2);
    private readonly Random _random = new(11);

    public void Dispose() => _pool.Dispose();

    [Fact]
    public void Embedding_gathers_and_sums_repeated_tokens()
    {
        int[] tokens = [4, 0, 4, 2, 4];
        using var table = NativeMatrix.Random(_random, 6, 70);
        using var x = new NativeMatrix(5, 70);
        using var dx = NativeMatrix.Random(_random, 5, 70);
        using var dTable = new NativeMatrix(6, 70);
        Embedding.Forward(_pool, tokens, table.View, x.View);
        Embedding.Backward(_pool, tokens, dx.View, dTable.View);

        var (weights, upstream) = (table.ToDoubles(), dx.ToDoubles());
        double Loss() => NumericalGradient.Dot(upstream, [.. tokens.SelectMany(token => weights[(token * 70)..((token + 1) * 70)])]);
        Assert.Equal(tokens.SelectMany(token => weights[(token * 70)..((token + 1) * 70)]), x.ToDoubles());
        NumericalGradient.AssertMatches(weights, Loss, dTable.ToDoubles(), "dTable");
    }

    [Theory]
    [InlineData(1, 5)]
    [InlineData(3, 16)]
    [InlineData(70, 13)]
    public void RmsNorm_backward_is_the_gradient(int rows, int hidden)
    {
        const float Epsilon = 1e-3f;
        using var x = NativeMatrix.Random(_random, rows, hidden, padding: 3);
        using var weight = NativeMatrix.Random(_random, 1, hidden);
        using var y = new NativeMatrix(rows, hidden);
        using var dy = NativeMatrix.Random(_random, rows, hidden);
        using var dx = NativeMatrix.Random(_random, rows, hidden, padding: 2);
        using var dWeight = NativeMatrix.Random(_random, 1, hidden);
        var (dxBefore, dWeightBefore) = (dx.ToDoubles(), dWeight.ToDoubles());
        RmsNorm.Forward(_pool, x.View, weight.View, y.View, Epsilon);
        RmsNorm.Backward(_pool, x.View, weight.View, dy.View, dx.View, dWeight.View, Epsilon);

        var (xs, weights, upstream) = (x.ToDoubles(), weight.ToDoubles(), dy.ToDoubles());
        double Loss() => NumericalGradient.Dot(upstream, NaiveLayers.RmsNorm(xs, weights, Epsilon));
        AssertClose(NaiveLayers.RmsNorm(xs, weights, Epsilon), y);
        NumericalGradient.AssertMatches(xs, Loss, Difference(dx, dxBefore), "dx");
        NumericalGradient.AssertMatches(weights, Loss, Difference(dWeight, dWeightBefore), "dWeight");
    }

    [Fact]
    public void Linear_backward_is_the_gradient()
    {
        using var gemm = new Gemm(_pool, SimdPaths.Choose());
        using var x = NativeMatrix.Random(_random, 9, 11);
        using var w = NativeMatrix.Random(_random, 7, 11);
        using var residual = NativeMatrix.Random(_random, 9, 7);
        using var y = new NativeMatrix(9, 7);
        using var dy = NativeMatrix.Random(_random, 9, 7);
        using var dx = new NativeMatrix(9, 11);
        using var dw = NativeMatrix.Random(_random, 7, 11);
        var dwBefore = dw.ToDoubles();
        Linear.ForwardAdd(gemm, x.View, w.View, residual.View, y.View);
        var (xs, ws, added, upstream) = (x.ToDoubles(), w.ToDoubles(), residual.ToDoubles(), dy.ToDoubles());
        AssertClose([.. NaiveLayers.Linear(xs, ws, 11).Zip(added, static (a, b) => a + b)], y);
        Linear.Forward(gemm, x.View, w.View, y.View);
        AssertClose(NaiveLayers.Linear(xs, ws, 11), y);
        Linear.Backward(gemm, x.View, w.View, dy.View, dx.View, dw.View);

        double Loss() => NumericalGradient.Dot(upstream, NaiveLayers.Linear(xs, ws, 11));
        NumericalGradient.AssertMatches(xs, Loss, dx.ToDoubles(), "dx");
        NumericalGradient.AssertMatches(ws, Loss, Difference(dw, dwBefore), "dw");
    }

    [Theory]
    [InlineData(4)]
    [InlineData(16)]
    [InlineData(22)]
    public void Rope_backward_is_the_gradient(int headDimension)
    {
        var config = Shape(3, 1, headDimension);
        var layout = new SequenceLayout([5, 1, 3]);
        var width = 5 * headDimension;
        using var x = NativeMatrix.Random(_random, 9, width);
        using var d = NativeMatrix.Random(_random, 9, width);
        var (xs, upstream) = (x.ToDoubles(), d.ToDoubles());
        var rope = new Rope(config);
        rope.Forward(_pool, layout, x.View, 4);
        rope.Backward(_pool, layout, d.View, 4);

        double[] Naive() => BySequence(layout, xs, width, sequence => NaiveLayers.Rope(sequence, width, 4, config));
        AssertClose(Naive(), x);
        NumericalGradient.AssertMatches(xs, () => NumericalGradient.Dot(upstream, Naive()), d.ToDoubles(), "dx");
    }

    [Theory]
    [InlineData(1, 1, 2)]
    [InlineData(4, 2, 6)]
    [InlineData(6, 2, 16)]
    [InlineData(3, 3, 40)]
    public void Attention_backward_is_the_gradient_within_each_sequence(int queryHeads, int keyHeads, int headDimension)
    {
        var config = Shape(queryHeads, keyHeads, headDimension);
        var layout = new SequenceLayout(headDimension == 2 ? [1, 70, 3] : [2, 5, 1, 19]);
        var width = (queryHeads + (2 * keyHeads)) * headDimension;
        using var qkv = NativeMatrix.Random(_random, layout.Rows, width, padding: 5);
        using var o = new NativeMatrix(layout.Rows, queryHeads * headDimension);
        using var dO = NativeMatrix.Random(_random, layout.Rows, queryHeads * headDimension);
        using var dQkv = NativeMatrix.Random(_random, layout.Rows, width);
        using var attention = new CausalAttention(config, _pool.Threads);
        attention.Forward(_pool, layout, qkv.View, o.View);
        attention.Backward(_pool, layout, qkv.View, dO.View, dQkv.View);

        var (xs, upstream) = (qkv.ToDoubles(), dO.ToDoubles());
        AssertClose(BySequence(layout, xs, width, sequence => NaiveLayers.Attention(sequence, config)), o);
        for (var s = 0; s < layout.Sequences; s++)
        {
            var x = Part(xs, layout, s, width);
            var d = Part(upstream, layout, s, queryHeads * headDimension);
            NumericalGradient.AssertMatches(
                x, () => NumericalGradient.Dot(d, NaiveLayers.Attention(x, config)), Part(dQkv.ToDoubles(), layout, s, width), $"dQkv of sequence {s}");
        }
    }

    [Theory]
    [InlineData(3, 0)]
    [InlineData(21, 0)]
    [InlineData(21, 0.4)]
    [InlineData(29, 0)]
    [InlineData(29, 0.4)]
    public void Gated_silu_backward_is_the_gradient_and_brings_the_result(int width, double dropped)
    {
        var dropout = new Dropout(dropped, Key: 9);
        using var mask = new NativeMatrix(4, width);
        mask.Set([.. Enumerable.Repeat(1.0, 4 * width)]);
        dropout.Apply(_pool, mask.View);
        using var gateUp = NativeMatrix.Random(_random, 4, 2 * width, scale: 4);
        using var y = new NativeMatrix(4, width);
        using var again = new NativeMatrix(4, width);
        using var dy = NativeMatrix.Random(_random, 4, width);
        var (xs, upstream, factors) = (gateUp.ToDoubles(), dy.ToDoubles(), mask.ToDoubles());
        double[] Naive() => [.. NaiveLayers.GatedSilu(xs, width).Zip(factors, static (value, factor) => value * factor)];
        GatedSilu.Forward(_pool, gateUp.View, y.View, dropout);
        AssertClose(Naive(), y);
        GatedSilu.Backward(_pool, gateUp.View, dy.View, again.View, dropout);

        AssertClose(y.ToDoubles(), again);
        NumericalGradient.AssertMatches(xs, () => NumericalGradient.Dot(upstream, Naive()), gateUp.ToDoubles(), "dGateUp");
    }

    [Theory]
    [InlineData(5, 0)]
    [InlineData(37, 0)]
    [InlineData(37, 0.1f)]
    public void Cross_entropy_leaves_its_gradient_in_the_logits(int vocabulary, float smoothing)
    {
        int[] targets = [2, 0, vocabulary - 1];
        float[] weights = [1, 0.25f, 0.5f];
        using var logits = NativeMatrix.Random(_random, 3, vocabulary, scale: 6);
        var xs = logits.ToDoubles();
        var losses = new double[3];
        CrossEntropy.ForwardBackward(_pool, logits.View, targets, weights, 0.25f, smoothing, losses);

        double LossOf(int row) => LossAt(row, targets[row]);
        double LossAt(int row, int target) => NaiveLayers.CrossEntropy(xs.AsSpan(row * vocabulary, vocabulary), target);
        double Smoothed(int row) =>
            ((1 - smoothing) * LossOf(row)) + (smoothing * Enumerable.Range(0, vocabulary).Average(target => LossAt(row, target)));
        for (var row = 0; row < 3; row++)
        {
            Assert.Equal(LossOf(row), losses[row], 1e-5);
        }

        NumericalGradient.AssertMatches(xs, () => 0.25 * Enumerable.Range(0, 3).Sum(row => weights[row] * Smoothed(row)), logits.ToDoubles(), "dLogits");
    }

    [Fact]
    public void Cross_entropy_of_far_apart_logits_is_finite()
    {
        using var logits = new NativeMatrix(1, 9);
        logits.Set([1e4, -1e4, 0, 0, 0, 0, 0, 0, 0]);
        var losses = new double[1];
        CrossEntropy.ForwardBackward(_pool, logits.View, [1], [1], 1, 0, losses);
        Assert.Equal(2e4, losses[0], 1e-3);
        Assert.All(logits.ToDoubles(), value => Assert.True(double.IsFinite(value)));
    }

    private static ModelConfig Shape(int queryHeads, int keyHeads, int headDimension) => new()
    {
        VocabularySize = 9, HiddenSize = 8, IntermediateSize = 8, Layers = 2, MaxPositions = 128,
        AttentionHeads = queryHeads, KeyValueHeads = keyHeads, HeadDimension = headDimension,
    };

    private static double[] Part(double[] rows, SequenceLayout layout, int sequence, int width) =>
        rows[(layout.Start(sequence) * width)..((layout.Start(sequence) + layout.Length(sequence)) * width)];

    private static double[] BySequence(SequenceLayout layout, double[] rows, int width, Func<double[], double[]> layer) =>
        [.. Enumerable.Range(0, layout.Sequences).SelectMany(sequence => layer(Part(rows, layout, sequence, width)))];

    private static double[] Difference(NativeMatrix after, double[] before) =>
        [.. after.ToDoubles().Zip(before, static (a, b) => a - b)];

    private static void AssertClose(double[] expected, NativeMatrix actual)
    {
        var values = actual.ToDoubles();
        Assert.Equal(expected.Length, values.Length);
        for (var i = 0; i < values.Length; i++)
        {
            Assert.Equal(expected[i], values[i], 1e-5 * (1 + Math.Abs(expected[i])));
        }
    }
}
