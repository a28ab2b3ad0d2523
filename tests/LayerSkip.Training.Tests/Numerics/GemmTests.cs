using System.Runtime.Intrinsics;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Engine.Devices.Cpu.Kernels;
using LayerSkip.Training.Numerics;

namespace LayerSkip.Training.Tests.Numerics;

public unsafe class GemmTests
{
    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public void Product_of_random_shapes_is_that_of_double_precision(bool transposeA, bool transposeB)
    {
        var random = new Random(7);
        using var pool = new ComputePool(2);
        for (var trial = 0; trial < 40; trial++)
        {
            // Of whole panels, whose rows begin with a cache line, tiles read b where it stands.
            var isInPanels = trial % 3 == 0;
            var (m, n, k) = (random.Next(1, 300), isInPanels ? 64 * random.Next(1, 4) : random.Next(1, 150), random.Next(1, trial % 8 == 0 ? 600 : 60));
            using var a = NativeMatrix.Random(random, transposeA ? k : m, transposeA ? m : k, padding: random.Next(5));
            using var b = NativeMatrix.Random(random, transposeB ? n : k, transposeB ? k : n, padding: isInPanels ? 16 * random.Next(2) : random.Next(5));
            using var addTo = NativeMatrix.Random(random, m, n, padding: random.Next(5));
            var expected = Naive(a.ToDoubles(), b.ToDoubles(), m, n, k, transposeA, transposeB);
            float[]? bits = null;
            float[]? sumBits = null;
            foreach (var path in SimdPaths.Available)
            {
                using var gemm = new Gemm(pool, path);
                using var c = NativeMatrix.Random(random, m, n, padding: 3);
                using var sum = NativeMatrix.Random(random, m, n);
                var (left, right) = (transposeA ? a.View.Transposed : a.View, transposeB ? b.View.Transposed : b.View);
                gemm.Multiply(left, right, c.View);
                gemm.MultiplyAdd(left, right, addTo.View, sum.View);
                Assert.Equal(4L * m * n * k, gemm.Operations);

                var (product, added, before) = (c.ToFloats(), sum.ToFloats(), addTo.ToFloats());
                for (var i = 0; i < expected.Length; i++)
                {
                    Assert.Equal(expected[i], product[i], 1e-5 * k);
                    Assert.Equal(expected[i] + before[i], added[i], 1e-5 * k);
                }

                Assert.Equal(bits ?? product, product);
                Assert.Equal(sumBits ?? added, added);
                (bits, sumBits) = (product, added);
            }
        }
    }

    /// <summary>The wide tile is AVX-512's; here it runs on narrower vectors, so that every machine tests it.</summary>
    [Fact]
    public void A_wide_tile_is_two_narrow_ones()
    {
        const int Depth = 37, Half = 8, Width = 16;
        var random = new Random(5);
        using var a = NativeMatrix.Random(random, 6, Depth);
        using var b = NativeMatrix.Random(random, Depth, Width);
        using var wide = NativeMatrix.Random(random, 6, Width);
        using var narrow = NativeMatrix.Random(random, 6, Width);
        using var half = new NativeMatrix(Depth, Half);
        narrow.Set(wide.ToDoubles());
        var (x, c) = (a.View, wide.View);
        GemmTile<PortableLanes, Vector128<float>>.Wide(Depth, x.Data, x.RowStride, 1, b.View.Data, Width, c.Data, Width, c.Data, Width);
        for (var column = 0; column < Width; column += Half)
        {
            for (var k = 0; k < Depth; k++)
            {
                b.View.Row(k).Slice(column, Half).CopyTo(half.View.Row(k));
            }

            var part = narrow.View.Data + column;
            GemmTile<PortableLanes, Vector128<float>>.Narrow(Depth, x.Data, x.RowStride, 1, half.View.Data, Half, part, Width, part, Width);
        }

        Assert.Equal(narrow.ToFloats(), wide.ToFloats());
    }

    [Theory]
    [InlineData(130)]
    [InlineData(192)]
    public void Threads_do_not_change_a_bit(int inputs)
    {
        var random = new Random(3);
        using var x = NativeMatrix.Random(random, 301, inputs);
        using var dy = NativeMatrix.Random(random, 301, 203);
        float[]? bits = null;
        foreach (var threads in new[] { 1, 2, 3 })
        {
            using var pool = new ComputePool(threads);
            using var gemm = new Gemm(pool, SimdPaths.Choose());
            using var dw = new NativeMatrix(203, inputs);
            gemm.MultiplyAdd(dy.View.Transposed, x.View, dw.View, dw.View);
            gemm.MultiplyAdd(dy.View.Transposed, x.View, dw.View, dw.View);
            Assert.Equal(bits ?? dw.ToFloats(), dw.ToFloats());
            bits = dw.ToFloats();
        }
    }

    [Theory]
    [InlineData(0, 70)]
    [InlineData(9, 0)]
    public void An_empty_product_is_nothing(int m, int n)
    {
        using var pool = new ComputePool(2);
        using var gemm = new Gemm(pool, SimdPaths.Choose());
        using var a = new NativeMatrix(Math.Max(m, 1), 4);
        using var b = new NativeMatrix(4, Math.Max(n, 1));
        using var c = NativeMatrix.Random(new Random(1), Math.Max(m, 1), Math.Max(n, 1));
        var before = c.ToFloats();
        gemm.Multiply(new(a.View.Data, m, 4, 4), new(b.View.Data, 4, n, 1), new(c.View.Data, m, n, 1));
        Assert.Equal(before, c.ToFloats());
        Assert.Equal(0, gemm.Operations);
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused()
    {
        using var pool = new ComputePool(1);
        using var gemm = new Gemm(pool, SimdPaths.Choose());
        using var a = new NativeMatrix(3, 4);
        using var b = new NativeMatrix(5, 6);
        using var c = new NativeMatrix(3, 6);
        Assert.Throws<ArgumentException>(() => gemm.Multiply(a.View, b.View, c.View));
        Assert.Throws<ArgumentException>(() => gemm.Multiply(a.View, a.View.Transposed, c.View));
        Assert.Throws<ArgumentException>(() => gemm.Multiply(b.View.Transposed, c.View.Transposed, a.View.Transposed));
    }

    private static double[] Naive(double[] a, double[] b, int m, int n, int k, bool transposeA, bool transposeB)
    {
        var c = new double[m * n];
        for (var i = 0; i < m; i++)
        {
            for (var j = 0; j < n; j++)
            {
                for (var l = 0; l < k; l++)
                {
                    c[(i * n) + j] += a[transposeA ? (l * m) + i : (i * k) + l] * b[transposeB ? (j * k) + l : (l * n) + j];
                }
            }
        }

        return c;
    }
}
