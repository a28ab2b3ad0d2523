using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Engine.Devices.Cpu.Kernels;
using LayerSkip.Training.Numerics;

namespace LayerSkip.Training.Layers;

/// <summary>loss[r] = log Σ_v e^logits[r, v] − logits[r, targets[r]], and its gradient softmax − onehot in the logits' place.</summary>
internal static unsafe class CrossEntropy
{
    /// <param name="pool">The threads.</param>
    /// <param name="logits">[C, V]; replaced by <paramref name="scale"/> times the gradient.</param>
    /// <param name="targets">[C], each in 0 .. V − 1.</param>
    /// <param name="scale">What a row's loss counts for in the whole.</param>
    /// <param name="losses">Result [C]: the losses, unscaled.</param>
    public static void ForwardBackward(ComputePool pool, Matrix logits, int[] targets, float scale, double[] losses)
    {
        logits.Expect(nameof(logits), targets.Length, logits.Columns);
        ArgumentOutOfRangeException.ThrowIfLessThan(losses.Length, targets.Length, nameof(losses));
        pool.ForRows(targets.Length, row => losses[row] = Row(logits.Row(row), targets[row], scale));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Row(Span<float> logits, int target, float scale)
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
            for (i = 0; i <= count - 8; i += 8)
            {
                (Vector256.Load(p + i) * factor).Store(p + i);
            }

            for (; i < count; i++)
            {
                p[i] *= scale / sum;
            }

            p[target] -= scale;
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
