using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Training.Numerics;
using Kernel = LayerSkip.Engine.Devices.Cpu.Kernels.RmsNorm;

namespace LayerSkip.Training.Layers;

/// <summary>y = x̂ · w, with x̂ = x / sqrt(mean(x²) + ε).</summary>
internal static unsafe class RmsNorm
{
    private const int RowsPerGroup = 64;

    /// <param name="pool">The threads.</param>
    /// <param name="x">[R, hidden].</param>
    /// <param name="weight">[1, hidden].</param>
    /// <param name="y">Result [R, hidden].</param>
    /// <param name="epsilon">Added to the mean square.</param>
    public static void Forward(ComputePool pool, Matrix x, Matrix weight, Matrix y, float epsilon)
    {
        y.Expect(nameof(y), x.Rows, x.Columns);
        pool.ForRows(x.Rows, row => Kernel.Apply(x.Row(row), weight.Row(0), y.Row(row), epsilon));
    }

    /// <summary>dx += r (g − x̂ · mean(g x̂)) with g = dy · w and r = 1 / sqrt(mean(x²) + ε); dw += Σ_rows dy x̂.</summary>
    /// <param name="pool">The threads.</param>
    /// <param name="x">[R, hidden], the input.</param>
    /// <param name="weight">[1, hidden].</param>
    /// <param name="dy">[R, hidden].</param>
    /// <param name="dx">[R, hidden], added to.</param>
    /// <param name="dWeight">[1, hidden], added to.</param>
    /// <param name="epsilon">As in the forward pass.</param>
    public static void Backward(ComputePool pool, Matrix x, Matrix weight, Matrix dy, Matrix dx, Matrix dWeight, float epsilon)
    {
        var hidden = x.Columns;
        weight.Expect(nameof(weight), 1, hidden);
        dy.Expect(nameof(dy), x.Rows, hidden);
        dx.Expect(nameof(dx), x.Rows, hidden);
        dWeight.Expect(nameof(dWeight), 1, hidden);

        // Groups of rows, cut alike whatever the thread count, sum dw by themselves; the sums are added in their order.
        var groups = (x.Rows + RowsPerGroup - 1) / RowsPerGroup;
        var sums = new float[groups * hidden];
        pool.For(groups, (group, _) =>
        {
            var end = Math.Min(x.Rows, (group + 1) * RowsPerGroup);
            for (var row = group * RowsPerGroup; row < end; row++)
            {
                BackwardRow(x.Row(row), weight.Row(0), dy.Row(row), dx.Row(row), sums.AsSpan(group * hidden, hidden), epsilon);
            }
        });

        for (var group = 0; group < groups; group++)
        {
            Vectors.Add(sums.AsSpan(group * hidden, hidden), dWeight.Row(0));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BackwardRow(
        Span<float> x, Span<float> weight, Span<float> dy, Span<float> dx, Span<float> dWeight, float epsilon)
    {
        fixed (float* px = x, pw = weight, pdy = dy, pdx = dx, pdw = dWeight)
        {
            Vector256<float> squares = default, products = default;
            var i = 0;
            for (; i <= x.Length - 8; i += 8)
            {
                var v = Vector256.Load(px + i);
                squares = Vector256.FusedMultiplyAdd(v, v, squares);
                products = Vector256.FusedMultiplyAdd(Vector256.Load(pdy + i) * Vector256.Load(pw + i), v, products);
            }

            var (square, product) = (Vector256.Sum(squares), Vector256.Sum(products));
            for (; i < x.Length; i++)
            {
                square += px[i] * px[i];
                product += pdy[i] * pw[i] * px[i];
            }

            // mean(g x̂) = r · mean(g x), and x̂ = r x.
            var r = 1 / MathF.Sqrt((square / x.Length) + epsilon);
            var back = r * r * product / x.Length;
            var (rs, backs) = (Vector256.Create(r), Vector256.Create(back));
            for (i = 0; i <= x.Length - 8; i += 8)
            {
                var (v, d) = (Vector256.Load(px + i), Vector256.Load(pdy + i));
                (Vector256.Load(pdx + i) + (rs * ((d * Vector256.Load(pw + i)) - (backs * v)))).Store(pdx + i);
                (Vector256.Load(pdw + i) + (d * (rs * v))).Store(pdw + i);
            }

            for (; i < x.Length; i++)
            {
                pdx[i] += r * ((pdy[i] * pw[i]) - (back * px[i]));
                pdw[i] += pdy[i] * (r * px[i]);
            }
        }
    }
}
