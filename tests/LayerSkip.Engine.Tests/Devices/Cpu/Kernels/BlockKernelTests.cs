using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Tests.Devices.Cpu.Kernels;

/// <summary>Every quantised matrix kernel this machine can run, against the naive product of the same integers, bit for bit.</summary>
public unsafe class BlockKernelTests
{
    private const int BlockSize = 32;

    public static TheoryData<string, WeightFormat> Kernels()
    {
        var kernels = new TheoryData<string, WeightFormat>();
        foreach (var path in DotPaths.Available)
        {
            kernels.Add(path.ToString(), WeightFormat.Int8);
            kernels.Add(path.ToString(), WeightFormat.Int4);
        }

        return kernels;
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Multiply_is_the_naive_sum_over_blocks(string path, WeightFormat format)
    {
        var random = new Random(11);
        var kernel = PanelKernel.Create(format, Enum.Parse<DotPath>(path));
        for (var round = 0; round < 80; round++)
        {
            var (outputs, inputs, rows) = (random.Next(1, 140), random.Next(1, round % 10 == 0 ? 700 : 100), random.Next(1, 20));
            var weights = new BlockTensor(random, kernel.DataType, outputs, inputs);
            using var memory = new NativeBuffer(WeightMatrix.BytesFor(kernel, outputs, inputs));
            var matrix = new WeightMatrix(memory.Pointer, kernel, outputs, inputs);
            matrix.Fill(weights, 0, threads: 1 + (round % 2));

            using var xs = new ActivationBuffer(inputs);
            using var blocks = new ActivationBuffer(QuantizedRow.Floats(inputs));
            using var ys = new ActivationBuffer(outputs);
            var (x, quantized, y) = (xs.Rows(rows), blocks.Rows(rows), ys.Rows(rows));
            var accumulate = random.Next(2) == 0;
            for (var row = 0; row < rows; row++)
            {
                Fill(random, x.Row(row, inputs), MathF.Pow(10, random.Next(-6, 7)));
                Fill(random, y.Row(row, outputs), 1);
                QuantizedRow.Write(x.Row(row, inputs), quantized.Row(row, QuantizedRow.Floats(inputs)));
            }

            var expected = Naive(weights, x, y, rows, accumulate);
            var middle = random.Next(matrix.Panels + 1);
            matrix.Multiply(0, middle, rows, quantized, y, accumulate);
            matrix.Multiply(middle, matrix.Panels, rows, quantized, y, accumulate);

            for (var row = 0; row < rows; row++)
            {
                Assert.Equal(expected[row], y.Row(row, outputs).ToArray());
            }

            GC.KeepAlive(memory);
        }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void The_extremes_of_weights_and_activations_do_not_saturate(string path, WeightFormat format)
    {
        const int Inputs = 64;
        var kernel = PanelKernel.Create(format, Enum.Parse<DotPath>(path));
        var (least, most) = format == WeightFormat.Int8 ? (-128, 127) : (-8, 7);
        foreach (var weight in (int[])[least, most])
        {
            // The sums of a group's first and second two activations grow by themselves on some paths, to opposite sides in the latter patterns.
            foreach (var (first, second) in ((float, float)[])[(-1, -1), (1, 1), (1, -1), (-1, 1)])
            {
                using var memory = new NativeBuffer(WeightMatrix.BytesFor(kernel, 32, Inputs));
                var matrix = new WeightMatrix(memory.Pointer, kernel, 32, Inputs);
                matrix.Fill(new BlockTensor(kernel.DataType, 32, Inputs, (sbyte)weight, scale: 1), 0);
                var y = Multiply(matrix, [.. Enumerable.Range(0, Inputs).Select(input => input % 4 < 2 ? first : second)]);

                // Two blocks, each an exact integer times the activations' scale, 1/127.
                var block = 16f * weight * (first + second) * 127;
                var expected = MathF.FusedMultiplyAdd(block, 1f / 127, block * (1f / 127));
                Assert.All(y, value => Assert.Equal(expected, value));
                GC.KeepAlive(memory);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Blocks_read_back_as_they_were_filled(string path, WeightFormat format)
    {
        var kernel = PanelKernel.Create(format, Enum.Parse<DotPath>(path));
        var weights = new BlockTensor(new Random(3), kernel.DataType, 70, 75);
        using var memory = new NativeBuffer(WeightMatrix.BytesFor(kernel, 70, 75));
        using var copied = new NativeBuffer(WeightMatrix.BytesFor(kernel, 70, 75));
        var matrix = new WeightMatrix(memory.Pointer, kernel, 70, 75);
        matrix.Fill(weights, 0, threads: 2);
        var copy = new WeightMatrix(copied.Pointer, kernel, 70, 75);
        copy.CopyRows(matrix, [.. Enumerable.Range(0, 70).Reverse()]);
        var (row, expected) = (new float[75], new float[75]);
        for (var output = 0; output < 70; output++)
        {
            weights.ReadRow(output, expected);
            matrix.ReadRow(output, row);
            Assert.Equal(expected, row);
            copy.ReadRow(69 - output, row);
            Assert.Equal(expected, row);
        }

        GC.KeepAlive(memory);
        GC.KeepAlive(copied);
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void What_is_not_finite_among_the_activations_makes_the_row_nan(string path, WeightFormat format)
    {
        var kernel = PanelKernel.Create(format, Enum.Parse<DotPath>(path));
        using var memory = new NativeBuffer(WeightMatrix.BytesFor(kernel, 20, 70));
        var matrix = new WeightMatrix(memory.Pointer, kernel, 20, 70);
        matrix.Fill(new BlockTensor(new Random(5), kernel.DataType, 20, 70), 0);
        foreach (var value in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
        {
            for (var at = 0; at < 70; at += 23)
            {
                var x = new float[70];
                x.AsSpan().Fill(0.5f);
                x[at] = value;
                Assert.All(Multiply(matrix, x), y => Assert.False(float.IsFinite(y)));
            }
        }

        GC.KeepAlive(memory);
    }

    [Theory]
    [InlineData(WeightFormat.Int8)]
    [InlineData(WeightFormat.Int4)]
    public void Weights_that_are_not_finite_are_refused_by_name(WeightFormat format)
    {
        var kernel = PanelKernel.Create(format, DotPath.Portable);
        using var memory = new NativeBuffer(WeightMatrix.BytesFor(kernel, 40, 33));
        var matrix = new WeightMatrix(memory.Pointer, kernel, 40, 33);
        foreach (var value in (float[])[float.NaN, float.NegativeInfinity])
        {
            var weights = new float[40 * 33];
            weights[(7 * 33) + 32] = value;
            var error = Assert.Throws<CheckpointException>(() => matrix.Fill(new ArrayTensor(weights, 40, 33), 0, threads: 2));
            Assert.Contains("tensor 'array': row 7 holds", error.Message, StringComparison.Ordinal);
        }

        var bad = new BlockTensor(kernel.DataType, 40, 33, 1, float.PositiveInfinity);
        Assert.Throws<CheckpointException>(() => matrix.Fill(bad, 0));
        GC.KeepAlive(memory);
    }

    [Fact]
    public void Four_bits_become_eight_exactly()
    {
        var kernel = PanelKernel.Create(WeightFormat.Int8, DotPath.Portable);
        var weights = new BlockTensor(new Random(9), TensorDataType.Int4, 33, 40);
        using var memory = new NativeBuffer(WeightMatrix.BytesFor(kernel, 33, 40));
        var matrix = new WeightMatrix(memory.Pointer, kernel, 33, 40);
        matrix.Fill(weights, 0);
        var (row, expected) = (new float[40], new float[40]);
        for (var output = 0; output < 33; output++)
        {
            weights.ReadRow(output, expected);
            matrix.ReadRow(output, row);
            Assert.Equal(expected, row);
        }

        GC.KeepAlive(memory);
    }

    /// <summary>
    /// |error| of a product of K terms, from what the formats promise: activations are off by at most a half 127th of their block's greatest
    /// magnitude A, weights by a half 127th (int8) or an eighth (int4) of theirs, W. Thus a block is off by at most
    /// 32 · A W (h + w + h w), with h = 1/254 and w = 1/254 or 1/8, and a little for float32's own roundings.
    /// </summary>
    [Theory]
    [InlineData(WeightFormat.Int8, 1.0 / 254)]
    [InlineData(WeightFormat.Int4, 1.0 / 8)]
    public void Products_are_within_the_formats_bound(WeightFormat format, double weightError)
    {
        const double ActivationError = 1.0 / 254;
        var random = new Random(17);
        var kernel = PanelKernel.Create(format, SimdPaths.Choose());
        for (var round = 0; round < 40; round++)
        {
            var (outputs, inputs) = (random.Next(1, 50), random.Next(1, 300));
            var (weights, x) = (new float[outputs * inputs], new float[inputs]);
            Fill(random, weights, MathF.Pow(10, random.Next(-4, 5)));
            Fill(random, x, MathF.Pow(10, random.Next(-4, 5)));
            using var memory = new NativeBuffer(WeightMatrix.BytesFor(kernel, outputs, inputs));
            var matrix = new WeightMatrix(memory.Pointer, kernel, outputs, inputs);
            matrix.Fill(new ArrayTensor(weights, outputs, inputs), 0);
            var y = Multiply(matrix, x);
            for (var output = 0; output < outputs; output++)
            {
                var row = weights.AsSpan(output * inputs, inputs);
                double exact = 0, bound = 0;
                for (var first = 0; first < inputs; first += BlockSize)
                {
                    double greatestWeight = 0, greatestActivation = 0;
                    var count = Math.Min(BlockSize, inputs - first);
                    for (var i = first; i < first + count; i++)
                    {
                        exact += (double)row[i] * x[i];
                        greatestWeight = Math.Max(greatestWeight, Math.Abs(row[i]));
                        greatestActivation = Math.Max(greatestActivation, Math.Abs(x[i]));
                    }

                    bound += count * greatestWeight * greatestActivation * (ActivationError + weightError + (ActivationError * weightError));
                }

                Assert.InRange(Math.Abs(y[output] - exact), 0, bound * 1.001);
            }

            GC.KeepAlive(memory);
        }
    }

    private static float[] Multiply(WeightMatrix matrix, float[] x)
    {
        using var blocks = new ActivationBuffer(QuantizedRow.Floats(x.Length));
        using var ys = new ActivationBuffer(matrix.Outputs);
        var quantized = blocks.Rows(1);
        var y = ys.Rows(1);
        QuantizedRow.Write(x, quantized.Row(0, QuantizedRow.Floats(x.Length)));
        matrix.Multiply(0, matrix.Panels, 1, quantized, y, accumulate: false);
        return y.Row(0, matrix.Outputs).ToArray();
    }

    private static float[][] Naive(BlockTensor weights, RowsView x, RowsView y, int rows, bool accumulate)
    {
        var result = new float[rows][];
        var blocks = (weights.Columns + BlockSize - 1) / BlockSize;
        var (values, scales) = (new sbyte[weights.Columns], new float[blocks]);
        for (var row = 0; row < rows; row++)
        {
            result[row] = accumulate ? y.Row(row, weights.Rows).ToArray() : new float[weights.Rows];
            var activations = x.Row(row, weights.Columns).ToArray();
            for (var output = 0; output < weights.Rows; output++)
            {
                weights.ReadBlocks(output, values, scales);
                for (var block = 0; block < blocks; block++)
                {
                    var range = (block * BlockSize)..Math.Min(weights.Columns, (block + 1) * BlockSize);
                    var greatest = activations[range].Max(Math.Abs);
                    var sum = activations[range].Zip(values[range], (a, w) => (int)MathF.Round(a * (127 / greatest)) * w).Sum();
                    result[row][output] = MathF.FusedMultiplyAdd(sum, scales[block] * (greatest / 127), result[row][output]);
                }
            }
        }

        return result;
    }

    private static void Fill(Random random, Span<float> values, float magnitude)
    {
        foreach (ref var value in values)
        {
            value = ((random.NextSingle() * 2) - 1) * magnitude;
        }
    }
}
