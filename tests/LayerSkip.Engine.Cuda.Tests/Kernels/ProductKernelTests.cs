namespace LayerSkip.Engine.Cuda.Tests.Kernels;

/// <summary>Matrix products against double arithmetic, and every row the same however many share the launch.</summary>
public class ProductKernelTests
{
    /// <summary>Of the sum of a product's terms' magnitudes: what float32 accumulation in a fixed order may lose over some hundred terms.</summary>
    private const double Bound = 1e-6;

    private const float Epsilon = 1e-5f;

    public static TheoryData<string> Formats => TestMatrix.Formats;

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_projection_of_normed_rows_is_right_and_the_same_alone_in_a_batch_and_in_tiles(string format)
    {
        var random = new Random(1);
        foreach (var (rows, n, k) in Shapes(random))
        {
            var matrix = new TestMatrix(format, n, k, random);
            var x = Floats(random, rows * k);
            var gain = Floats(random, k, 1);
            var bias = random.Next(2) == 0 ? null : Floats(random, n);
            var ldy = n + random.Next(3);

            float[] Run(KernelBench bench, bool tiles, int first, int count)
            {
                var (data, scales) = matrix.On(bench);
                var y = bench.PutRows(new float[count * n], n, ldy);
                var stride = KernelBench.Padded(k);
                Launch(
                    bench, "project_norm_", tiles, matrix, count, y, data, scales, bias is null ? 0ul : bench.Put(bias),
                    bench.PutRows(x[(first * k)..((first + count) * k)], k, stride), bench.PutRows(gain, k, stride), Positions(bench, count), count, n, k, ldy, Epsilon);
                return bench.GetRows(y, count, n, ldy);
            }

            var y = KernelBench.InBothOrders(bench => Run(bench, false, 0, rows));
            Assert.Equal(y, KernelBench.InBothOrders(bench => Run(bench, true, 0, rows)));
            using (var bench = new KernelBench())
            {
                var row = random.Next(rows);
                Assert.Equal(y[(row * n)..((row + 1) * n)], Run(bench, random.Next(2) == 0, row, 1));
            }

            for (var row = 0; row < rows; row++)
            {
                var normed = Normed(x.AsSpan(row * k, k), gain);
                for (var output = 0; output < n; output++)
                {
                    var (sum, magnitude) = matrix.Times(output, normed);
                    AssertNear(sum + (bias?[output] ?? 0), y[(row * n) + output], magnitude + 1);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_projection_is_added_to_the_residual_stream(string format)
    {
        var random = new Random(2);
        foreach (var (rows, n, k) in Shapes(random))
        {
            var matrix = new TestMatrix(format, n, k, random);
            var (x, stream) = (Floats(random, rows * k), Floats(random, rows * n));
            var bias = random.Next(2) == 0 ? null : Floats(random, n);

            float[] Run(KernelBench bench, bool tiles)
            {
                var (data, scales) = matrix.On(bench);
                var y = bench.PutRows(stream, n, KernelBench.Padded(n));
                Launch(
                    bench, "project_add_", tiles, matrix, rows, y, data, scales, bias is null ? 0ul : bench.Put(bias), bench.PutRows(x, k, KernelBench.Padded(k)),
                    Positions(bench, rows), rows, n, k);
                return bench.GetRows(y, rows, n, KernelBench.Padded(n));
            }

            var y = KernelBench.InBothOrders(bench => Run(bench, false));
            Assert.Equal(y, KernelBench.InBothOrders(bench => Run(bench, true)));
            for (var row = 0; row < rows; row++)
            {
                var exact = Array.ConvertAll(x[(row * k)..((row + 1) * k)], value => (double)value);
                for (var output = 0; output < n; output++)
                {
                    var (sum, magnitude) = matrix.Times(output, exact);
                    AssertNear(sum + (bias?[output] ?? 0) + stream[(row * n) + output], y[(row * n) + output], magnitude + 2);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void The_gated_activation_is_right(string format)
    {
        var random = new Random(3);
        foreach (var (rows, n, k) in Shapes(random))
        {
            var (gate, up) = (new TestMatrix(format, n, k, random), new TestMatrix(format, n, k, random));
            var (x, gain) = (Floats(random, rows * k), Floats(random, k, 1));
            var (gateBias, upBias) = random.Next(2) == 0 ? (null, null) : (Floats(random, n), Floats(random, n));

            float[] Run(KernelBench bench, bool tiles)
            {
                var ((g, gateScales), (u, upScales)) = (gate.On(bench), up.On(bench));
                var y = bench.PutRows(new float[rows * n], n, KernelBench.Padded(n));
                var stride = KernelBench.Padded(k);
                Launch(
                    bench, "gate_up_", tiles, gate, rows, y, g, gateScales, gateBias is null ? 0ul : bench.Put(gateBias), u, upScales,
                    upBias is null ? 0ul : bench.Put(upBias), bench.PutRows(x, k, stride), bench.PutRows(gain, k, stride), Positions(bench, rows), rows, n, k, Epsilon);
                return bench.GetRows(y, rows, n, KernelBench.Padded(n));
            }

            var y = KernelBench.InBothOrders(bench => Run(bench, false));
            Assert.Equal(y, KernelBench.InBothOrders(bench => Run(bench, true)));
            for (var row = 0; row < rows; row++)
            {
                var normed = Normed(x.AsSpan(row * k, k), gain);
                for (var output = 0; output < n; output++)
                {
                    var (g, ofGate) = gate.Times(output, normed);
                    var (u, ofUp) = up.Times(output, normed);
                    (g, u) = (g + (gateBias?[output] ?? 0), u + (upBias?[output] ?? 0));
                    var exact = g / (1 + Math.Exp(-g)) * u;
                    AssertNear(exact, y[(row * n) + output], Math.Abs(exact) + ((ofGate + 1) * (Math.Abs(u) + 1)) + ((ofUp + 1) * (Math.Abs(g) + 1)));
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void The_head_finds_the_greatest_logit_of_all_tokens_or_of_some(string format)
    {
        var random = new Random(4);
        foreach (var (rows, n, k) in Shapes(random))
        {
            var matrix = new TestMatrix(format, n, k, random);
            var (x, gain) = (Floats(random, rows * k), Floats(random, k, 1));
            int[] ids = [.. Enumerable.Range(0, n).Where(_ => random.Next(3) == 0).DefaultIfEmpty(n - 1)];

            float[] Logits(KernelBench bench)
            {
                var (data, scales) = matrix.On(bench);
                var y = bench.Put(new float[rows * n]);
                var stride = KernelBench.Padded(k);
                Launch(
                    bench, "project_norm_", false, matrix, rows, y, data, scales, 0ul, bench.PutRows(x, k, stride), bench.PutRows(gain, k, stride),
                    Positions(bench, rows), rows, n, k, n, Epsilon);
                return bench.Get<float>(y, rows * n);
            }

            int[] Choices(KernelBench bench)
            {
                var (data, scales) = matrix.On(bench);
                var (best, choices, positions) = (bench.Put(new ulong[rows]), bench.Put(new int[2 * rows]), Positions(bench, rows));
                var stride = KernelBench.Padded(k);
                foreach (var (list, target) in new[] { (0ul, choices), (bench.Put([ids.Length, .. ids]), choices + (4 * (ulong)rows)) })
                {
                    bench.Launch(
                        "head_argmax_" + format, (Geometry.Blocks(n, 16), Geometry.Blocks(rows, 16), 1), 256, best, data, scales, bench.PutRows(x, k, stride),
                        bench.PutRows(gain, k, stride), positions, list, rows, n, k, Epsilon);
                    bench.Launch("choose", (Geometry.Blocks(rows, 64), 1, 1), 64, target, best, positions, rows);
                }

                Assert.All(bench.Get<ulong>(best, rows), key => Assert.Equal(0ul, key));
                return bench.Get<int>(choices, 2 * rows);
            }

            float[] logits;
            using (var bench = new KernelBench())
            {
                logits = Logits(bench);
            }

            var choices = KernelBench.InBothOrders(Choices);
            for (var row = 0; row < rows; row++)
            {
                var own = logits.AsSpan(row * n, n).ToArray();
                Assert.Equal(Array.IndexOf(own, own.Max()), choices[row]);
                Assert.Equal(ids.MaxBy(id => (own[id], -id)), choices[rows + row]);
            }
        }
    }

    [Fact]
    public void Of_equal_logits_the_lowest_token_wins_and_none_where_all_are_NaN()
    {
        const int Tokens = 100, Inputs = 32;
        using var bench = new KernelBench();
        var table = bench.Put(Enumerable.Repeat(1f, Tokens * Inputs).ToArray());
        var x = new float[2 * Inputs];
        Array.Fill(x, float.NaN, 0, Inputs);
        Array.Fill(x, 1f, Inputs, Inputs);
        var (best, choices, stride) = (bench.Put(new ulong[2]), bench.Put(new int[2]), KernelBench.Padded(Inputs));
        bench.Launch(
            "head_argmax_f32", (Geometry.Blocks(Tokens, 16), 1, 1), 256, best, table, 0ul, bench.PutRows(x, Inputs, stride),
            bench.PutRows(Enumerable.Repeat(1f, Inputs).ToArray(), Inputs, stride), Positions(bench, 2), 0ul, 2, Tokens, Inputs, Epsilon);
        bench.Launch("choose", (1, 1, 1), 64, choices, best, Positions(bench, 2), 2);
        Assert.Equal([-1, 0], bench.Get<int>(choices, 2));
    }

    [Fact]
    public void Slots_without_a_row_stay_as_they_are_and_others_beside_them_do_not_notice()
    {
        var random = new Random(5);
        const int Rows = 21, Outputs = 40, Inputs = 96;
        var matrix = new TestMatrix("bf16", Outputs, Inputs, random);
        var x = Floats(random, Rows * Inputs);
        int[] positions = [.. Enumerable.Range(0, Rows).Select(row => row % 3 == 1 ? -1 : row)];
        foreach (var tiles in new[] { false, true })
        {
            float[] Run(KernelBench bench, int[] positions)
            {
                var (data, scales) = matrix.On(bench);
                var y = bench.PutRows(Enumerable.Repeat(7f, Rows * Outputs).ToArray(), Outputs, KernelBench.Padded(Outputs));
                Launch(
                    bench, "project_add_", tiles, matrix, Rows, y, data, scales, 0ul, bench.PutRows(x, Inputs, KernelBench.Padded(Inputs)), bench.Put(positions), Rows,
                    Outputs, Inputs);
                return bench.GetRows(y, Rows, Outputs, KernelBench.Padded(Outputs));
            }

            var all = KernelBench.InBothOrders(bench => Run(bench, [.. Enumerable.Range(0, Rows)]));
            var some = KernelBench.InBothOrders(bench => Run(bench, positions));
            for (var row = 0; row < Rows; row++)
            {
                var expected = positions[row] < 0 ? Enumerable.Repeat(7f, Outputs) : all.AsSpan(row * Outputs, Outputs).ToArray();
                Assert.Equal(expected, some.AsSpan(row * Outputs, Outputs).ToArray());
            }
        }
    }

    [Fact]
    public void A_long_sum_stays_within_its_bound()
    {
        // Thousands of inputs, as wide as real models are.
        var random = new Random(6);
        const int Inputs = 8192;
        var matrix = new TestMatrix("bf16", 16, Inputs, random);
        var x = Floats(random, Inputs);
        using var bench = new KernelBench();
        var (data, scales) = matrix.On(bench);
        var y = bench.Put(new float[KernelBench.Padded(16)]);
        Launch(bench, "project_add_", false, matrix, 1, y, data, scales, 0ul, bench.Put(x), Positions(bench, 1), 1, 16, Inputs);
        var result = bench.Get<float>(y, 16);
        for (var output = 0; output < 16; output++)
        {
            var (sum, magnitude) = matrix.Times(output, Array.ConvertAll(x, value => (double)value));
            AssertNear(sum, result[output], magnitude);
        }
    }

    [Fact]
    public void The_final_norm_alone_is_right()
    {
        var random = new Random(7);
        foreach (var (rows, _, k) in Shapes(random))
        {
            var (x, gain) = (Floats(random, rows * k), Floats(random, k, 1));
            var stride = KernelBench.Padded(k);
            var y = KernelBench.InBothOrders(bench =>
            {
                var y = bench.PutRows(new float[rows * k], k, stride);
                bench.Launch(
                    "normalize", (rows, 1, 1), 32, y, bench.PutRows(x, k, stride), bench.PutRows(gain, k, stride), Positions(bench, rows), rows, k, Epsilon);
                return bench.GetRows(y, rows, k, stride);
            });
            for (var row = 0; row < rows; row++)
            {
                var normed = Normed(x.AsSpan(row * k, k), gain);
                for (var i = 0; i < k; i++)
                {
                    AssertNear(normed[i], y[(row * k) + i], Math.Abs(normed[i]));
                }
            }
        }
    }

    /// <summary>Rows, outputs, inputs: even and odd, less than a tile and more.</summary>
    private static IEnumerable<(int Rows, int Outputs, int Inputs)> Shapes(Random random)
    {
        yield return (1, 1, 2);
        yield return (16, 64, 128);
        yield return (67, 17, 64);
        for (var i = 0; i < 4; i++)
        {
            yield return (random.Next(1, 20), random.Next(1, 90), random.Next(1, 400));
        }
    }

    private static void Launch(KernelBench bench, string kernel, bool tiles, TestMatrix matrix, int rows, params ReadOnlySpan<object> arguments)
    {
        var (outputs, of) = tiles ? (64, 64) : (16, 16);
        bench.Launch(
            kernel + (tiles ? "tiles_" : "") + matrix.Format, (Geometry.Blocks(matrix.Outputs, outputs), Geometry.Blocks(rows, of), 1), 256, arguments);
    }

    private static ulong Positions(KernelBench bench, int rows) => bench.Put(Enumerable.Range(0, rows).ToArray());

    private static float[] Floats(Random random, int count, float middle = 0) =>
        [.. Enumerable.Range(0, count).Select(_ => middle + (float)((2 * random.NextDouble()) - 1))];

    private static double[] Normed(ReadOnlySpan<float> x, float[] gain)
    {
        var squares = 0.0;
        foreach (var value in x)
        {
            squares += (double)value * value;
        }

        var inverse = 1 / Math.Sqrt((squares / x.Length) + Epsilon);
        var normed = new double[x.Length];
        for (var i = 0; i < x.Length; i++)
        {
            normed[i] = x[i] * inverse * gain[i];
        }

        return normed;
    }

    private static void AssertNear(double expected, float actual, double magnitude) =>
        Assert.True(Math.Abs(expected - actual) <= Bound * magnitude, $"{actual}, expected {expected} within {Bound} of {magnitude}");
}
