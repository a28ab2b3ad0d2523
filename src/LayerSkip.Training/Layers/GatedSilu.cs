using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Engine.Devices.Cpu.Kernels;
using LayerSkip.Training.Numerics;

namespace LayerSkip.Training.Layers;

/// <summary>y = m silu(gate) · up, with silu(g) = g σ(g), σ(g) = 1 / (1 + e^−g) and the mask m of a dropout.</summary>
/// <remarks>The mask is drawn here because that takes no time beside the exponentials.</remarks>
internal static unsafe class GatedSilu
{
    /// <param name="pool">The threads.</param>
    /// <param name="gateUp">[R, 2 F]: the gates, then the ups.</param>
    /// <param name="y">Result [R, F].</param>
    /// <param name="dropout">Draws the mask.</param>
    public static void Forward(ComputePool pool, Matrix gateUp, Matrix y, Dropout dropout)
    {
        gateUp.Expect(nameof(gateUp), y.Rows, 2 * y.Columns);
        pool.ForRows(y.Rows, row => ForwardRow(gateUp.Row(row), y.Row(row), dropout.Mask(row)));
    }

    /// <summary>dGate = m dy · up · σ (1 + g (1 − σ)); dUp = m dy · g σ. The forward result comes along, since nobody kept it.</summary>
    /// <param name="pool">The threads.</param>
    /// <param name="gateUp">[R, 2 F], the input; replaced by its gradient.</param>
    /// <param name="dy">[R, F].</param>
    /// <param name="y">Result [R, F]: what the forward pass gave.</param>
    /// <param name="dropout">As in the forward pass.</param>
    public static void Backward(ComputePool pool, Matrix gateUp, Matrix dy, Matrix y, Dropout dropout)
    {
        gateUp.Expect(nameof(gateUp), dy.Rows, 2 * dy.Columns);
        y.Expect(nameof(y), dy.Rows, dy.Columns);
        pool.ForRows(y.Rows, row => BackwardRow(gateUp.Row(row), dy.Row(row), y.Row(row), dropout.Mask(row)));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ForwardRow(Span<float> gateUp, Span<float> y, DropoutMask mask)
    {
        fixed (float* gate = gateUp, up = gateUp[y.Length..], py = y)
        {
            var i = 0;
            if (Avx512F.IsSupported)
            {
                for (; i <= y.Length - 16; i += 16)
                {
                    var g = Vector512.Load(gate + i);
                    (g * Sigmoid(g) * Vector512.Load(up + i) * Vector512.Create(mask.Next(), mask.Next())).Store(py + i);
                }
            }

            for (; i <= y.Length - 8; i += 8)
            {
                var g = Vector256.Load(gate + i);
                (g * Sigmoid(g) * Vector256.Load(up + i) * mask.Next()).Store(py + i);
            }

            var last = mask.Next();
            for (var lane = 0; i < y.Length; i++, lane++)
            {
                py[i] = gate[i] / (1 + MathF.Exp(-gate[i])) * up[i] * last[lane];
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BackwardRow(Span<float> gateUp, Span<float> dy, Span<float> y, DropoutMask mask)
    {
        fixed (float* gate = gateUp, up = gateUp[y.Length..], pdy = dy, py = y)
        {
            var i = 0;
            if (Avx512F.IsSupported)
            {
                for (; i <= y.Length - 16; i += 16)
                {
                    var factor = Vector512.Create(mask.Next(), mask.Next());
                    var (g, u, d) = (Vector512.Load(gate + i), Vector512.Load(up + i), Vector512.Load(pdy + i) * factor);
                    var sigmoid = Sigmoid(g);
                    var silu = g * sigmoid;
                    (silu * u * factor).Store(py + i);
                    (d * u * (sigmoid + silu - (silu * sigmoid))).Store(gate + i);
                    (d * silu).Store(up + i);
                }
            }

            for (; i <= y.Length - 8; i += 8)
            {
                var factor = mask.Next();
                var (g, u, d) = (Vector256.Load(gate + i), Vector256.Load(up + i), Vector256.Load(pdy + i) * factor);
                var sigmoid = Sigmoid(g);
                var silu = g * sigmoid;
                (silu * u * factor).Store(py + i);
                (d * u * (sigmoid + silu - (silu * sigmoid))).Store(gate + i);
                (d * silu).Store(up + i);
            }

            var last = mask.Next();
            for (var lane = 0; i < y.Length; i++, lane++)
            {
                var (g, u, d) = (gate[i], up[i], pdy[i] * last[lane]);
                var sigmoid = 1 / (1 + MathF.Exp(-g));
                var silu = g * sigmoid;
                py[i] = silu * u * last[lane];
                gate[i] = d * u * (sigmoid + silu - (silu * sigmoid));
                up[i] = d * silu;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Sigmoid(Vector512<float> g) => Vector512<float>.One / (Vector512<float>.One + VectorMath.Exp(-g));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Sigmoid(Vector256<float> g) => Vector256<float>.One / (Vector256<float>.One + VectorMath.Exp(-g));
}
