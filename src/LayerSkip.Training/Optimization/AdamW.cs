using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Training.Models;
using LayerSkip.Training.Numerics;

namespace LayerSkip.Training.Optimization;

/// <summary>m = β1 m + (1 − β1) g; v = β2 v + (1 − β2) g²; w −= rate · (m̂ / (sqrt(v̂) + ε) + decay · w), with m̂ = m / (1 − β1^t) and v̂ alike.</summary>
internal sealed unsafe class AdamW(ModelConfig config, OptimizerOptions options) : IDisposable
{
    private const int ChunkLength = 1 << 15;

    /// <summary>m, laid out like the parameters.</summary>
    public LlamaParameters Means { get; } = new(config);

    /// <summary>v, laid out like the parameters.</summary>
    public LlamaParameters Squares { get; } = new(config);

    public long Bytes => Means.Bytes + Squares.Bytes;

    /// <summary>The Euclidean length of all gradients together.</summary>
    public static double Norm(ComputePool pool, LlamaParameters gradients)
    {
        // Chunks are cut alike whatever the thread count, and their sums added in order.
        var sums = new double[(gradients.Count + ChunkLength - 1) / ChunkLength];
        pool.For(sums.Length, (chunk, _) =>
        {
            var start = (long)chunk * ChunkLength;
            sums[chunk] = Vectors.SumOfSquares(gradients.Slice(start, (int)Math.Min(ChunkLength, gradients.Count - start)));
        });
        return Math.Sqrt(sums.Sum());
    }

    /// <summary>Applies gradients, scaled down where they are longer than the limit.</summary>
    /// <param name="pool">The threads.</param>
    /// <param name="weights">Changed.</param>
    /// <param name="gradients">As the backward passes left them.</param>
    /// <param name="norm">Their length.</param>
    /// <param name="rate">Learning rate.</param>
    /// <param name="step">t, from 0.</param>
    /// <param name="depth">Layers that took part; those above stay as they are.</param>
    public void Apply(ComputePool pool, LlamaParameters weights, LlamaParameters gradients, double norm, double rate, long step, int depth)
    {
        var clip = (float)Math.Min(1, options.MaxGradientNorm / norm);
        var meanScale = (float)(1 / (1 - Math.Pow(options.Beta1, step + 1)));
        var squareScale = (float)(1 / (1 - Math.Pow(options.Beta2, step + 1)));
        foreach (var tensor in weights.Tensors.Where(tensor => tensor.Layer is null || tensor.Layer < depth))
        {
            var factors = new Factors(
                (float)options.Beta1, (float)options.Beta2, (float)options.Epsilon, meanScale, squareScale, clip, (float)rate,
                tensor.IsNorm ? 0 : (float)(rate * options.WeightDecay));
            pool.For((int)((tensor.Count + ChunkLength - 1) / ChunkLength), (chunk, _) =>
            {
                var start = (long)chunk * ChunkLength;
                var count = (int)Math.Min(ChunkLength, tensor.Count - start);
                start += tensor.Offset;
                Apply(factors, weights.Slice(start, count), gradients.Slice(start, count), Means.Slice(start, count), Squares.Slice(start, count));
            });
        }
    }

    public void Dispose()
    {
        Means.Dispose();
        Squares.Dispose();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Apply(in Factors f, Span<float> weights, Span<float> gradients, Span<float> means, Span<float> squares)
    {
        fixed (float* w = weights, g = gradients, m = means, v = squares)
        {
            var i = 0;
            for (; i <= weights.Length - 8; i += 8)
            {
                var gradient = Vector256.Load(g + i) * f.Clip;
                var mean = (Vector256.Load(m + i) * f.Beta1) + (gradient * (1 - f.Beta1));
                var square = (Vector256.Load(v + i) * f.Beta2) + (gradient * gradient * (1 - f.Beta2));
                mean.Store(m + i);
                square.Store(v + i);
                var change = mean * f.MeanScale / (Vector256.Sqrt(square * f.SquareScale) + Vector256.Create(f.Epsilon));
                var weight = Vector256.Load(w + i);
                (weight - (change * f.Rate) - (weight * f.Decay)).Store(w + i);
            }

            for (; i < weights.Length; i++)
            {
                var gradient = g[i] * f.Clip;
                m[i] = (m[i] * f.Beta1) + (gradient * (1 - f.Beta1));
                v[i] = (v[i] * f.Beta2) + (gradient * gradient * (1 - f.Beta2));
                var change = m[i] * f.MeanScale / (MathF.Sqrt(v[i] * f.SquareScale) + f.Epsilon);
                w[i] = w[i] - (change * f.Rate) - (w[i] * f.Decay);
            }
        }
    }

    private readonly record struct Factors(
        float Beta1, float Beta2, float Epsilon, float MeanScale, float SquareScale, float Clip, float Rate, float Decay);
}
