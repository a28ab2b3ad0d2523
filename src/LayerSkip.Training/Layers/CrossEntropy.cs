using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Engine.Devices.Cpu.Kernels;
using LayerSkip.Training.Numerics;

namespace LayerSkip.Training.Layers;

/// <summary>
/// loss[r] = log Σ_v e^logits[r, v] − logits[r, targets[r]], and in the logits' place the gradient softmax − (1 − ε) onehot − ε / V: at
/// ε = 0 the loss's own, otherwise that of the loss against targets smoothed by ε.
/// </summary>
internal static unsafe class CrossEntropy
{
    /// <param name="pool">The threads.</param>
    /// <param name="logits">[C, V]; replaced by <paramref name="scale"/> times the row's weight times the gradient.</param>
    /// <param name="targets">[C], each in 0 .. V − 1.</param>
    /// <param name="weights">[C]: what a row's loss counts for beside the others.</param>
    /// <param name="scale">What a row's loss of weight 1 counts for in the whole.</param>
    /// <param name="smoothing">ε in 0 .. 1: the share of the target that is spread over the whole vocabulary.</param>
    /// <param name="losses">Result [C]: the losses, neither weighted nor scaled nor smoothed.</param>
    public static void ForwardBackward(ComputePool pool, Matrix logits, int[] targets, float[] weights, float scale, float smoothing, double[] losses)
    {
        logits.Expect(nameof(logits), targets.Length, logits.Columns);
        ArgumentOutOfRangeException.ThrowIfLessThan(weights.Length, targets.Length, nameof(weights));
        ArgumentOutOfRangeException.ThrowIfLessThan(losses.Length, targets.Length, nameof(losses));
        pool.ForRows(targets.Length, row => losses[row] = Row(logits.Row(row), targets[row], scale * weights[row], smoothing));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Row(Span<float> logits, int target, float scale, float smoothing)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)target, (uint)logits.Length, nameof(target));
        var targetLogit = logits[target];
        fixed (float* p = logits)
        {
            var count = logits.Length;
            var max = Max(p, count);
            var maxes = Vector256.Create(max);
            Vector256<float> sums = default;
            var i = 0;
            for (; i <= count - 8; i += 8)
            {
                var e = VectorMath.Exp(Vector256.Load(p + i) - maxes);
                e.Store(p + i);
                sums += e;
            }

            var sum = Vector256.Sum(sums);
            for (; i < count; i++)
            {
                p[i] = MathF.Exp(p[i] - max);
                sum += p[i];
            }

            var factor = Vector256.Create(scale / sum);
            var spread = scale * smoothing / count;
            var spreads = Vector256.Create(spread);
            for (i = 0; i <= count - 8; i += 8)
            {
                ((Vector256.Load(p + i) * factor) - spreads).Store(p + i);
            }

            for (; i < count; i++)
            {
                p[i] = (p[i] * (scale / sum)) - spread;
            }

            p[target] -= scale * (1 - smoothing);
            return Math.Log(sum) + max - targetLogit;
        }
    }

    private static float Max(float* p, int count)
    {
        var max = float.NegativeInfinity;
        var i = 0;
        if (count >= 8)
        {
            var maxes = Vector256.Load(p);
            for (i = 8; i <= count - 8; i += 8)
            {
                maxes = Vector256.Max(maxes, Vector256.Load(p + i));
            }

            for (var lane = 0; lane < 8; lane++)
            {
                max = MathF.Max(max, maxes[lane]);
            }
        }

        for (; i < count; i++)
        {
            max = MathF.Max(max, p[i]);
        }

        return max;
    }
}
