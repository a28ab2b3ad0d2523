using System.Runtime.InteropServices;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Tests.Devices.Cpu.Kernels;

/// <summary>Every matrix kernel this machine can run, against the naive product, bit for bit.</summary>
public unsafe class PanelKernelTests
{
    public static TheoryData<string, WeightFormat> Kernels()
    {
        var kernels = new TheoryData<string, WeightFormat>();
        foreach (var path in AllPaths())
        {
            kernels.Add(path.ToString(), WeightFormat.F32);
            kernels.Add(path.ToString(), WeightFormat.BF16);
        }

        return kernels;
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Multiply_is_the_naive_chain_of_fused_multiply_adds(string path, WeightFormat format)
    {
        var random = new Random(7);
        var cached = PanelKernel.Create(format, Enum.Parse<SimdPath>(path));
        var streamed = PanelKernel.Create(format, Enum.Parse<SimdPath>(path), streamed: true);
        for (var round = 0; round < 80; round++)
        {
            // One row at a time is what decoding consists of; a tile takes up to 14.
            var kernel = round % 2 == 0 ? cached : streamed;
            var rows = round % 4 == 3 ? 1 : random.Next(1, 32);
            var (outputs, inputs) = (random.Next(1, 100), random.Next(1, round % 10 == 0 ? 9000 : 90));
            var weights = RandomWeights(random, outputs, inputs, format);
            using var memory = new NativeBuffer(WeightMatrix.BytesFor(kernel, outputs, inputs));
            var matrix = new WeightMatrix(memory.Pointer, kernel, outputs, inputs);
            matrix.Fill(new ArrayTensor(weights, outputs, inputs), 0);

            using var xs = new ActivationBuffer(inputs);
            using var ys = new ActivationBuffer(outputs);
            var (x, y) = (xs.Rows(rows), ys.Rows(rows));
            var accumulate = random.Next(2) == 0;
            for (var row = 0; row < rows; row++)
            {
                Fill(random, x.Row(row, inputs));
                Fill(random, y.Row(row, outputs));
            }

            var expected = Naive(weights, x, y, outputs, inputs, rows, accumulate);
            var middle = random.Next(matrix.Panels + 1);
            matrix.Multiply(0, middle, rows, x, y, accumulate);
            matrix.Multiply(middle, matrix.Panels, rows, x, y, accumulate);

            for (var row = 0; row < rows; row++)
            {
                Assert.Equal(expected[row], y.Row(row, outputs).ToArray());
            }

            GC.KeepAlive(memory);
        }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Rows_read_back_as_they_were_filled(string path, WeightFormat format)
    {
        var random = new Random(3);
        var kernel = PanelKernel.Create(format, Enum.Parse<SimdPath>(path));
        var weights = RandomWeights(random, 70, 9, format);
        using var memory = new NativeBuffer(WeightMatrix.BytesFor(kernel, 70, 9));
        var matrix = new WeightMatrix(memory.Pointer, kernel, 70, 9);
        matrix.Fill(new ArrayTensor(weights[..(41 * 9)], 41, 9), 0);
        matrix.Fill(new ArrayTensor(weights[(41 * 9)..], 29, 9), 41);
        var row = new float[9];
        for (var output = 0; output < 70; output++)
        {
            matrix.ReadRow(output, row);
            Assert.Equal(weights.AsSpan(output * 9, 9).ToArray(), row);
        }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Columns_of_a_whole_panel_are_packed_as_one_by_one(string path, WeightFormat format)
    {
        var random = new Random(5);
        var kernel = PanelKernel.Create(format, Enum.Parse<SimdPath>(path));
        foreach (var inputs in (int[])[1, 7, 16, 64, 65, 147])
        {
            // Any bits: NaNs of every payload, infinities, subnormal numbers.
            var weights = new float[PanelKernel.Width * inputs];
            random.NextBytes(MemoryMarshal.AsBytes(weights.AsSpan()));
            using var together = new NativeBuffer(kernel.PanelBytes(inputs));
            using var alone = new NativeBuffer(kernel.PanelBytes(inputs));
            kernel.WriteColumns(together.Pointer, 0, weights, inputs);
            for (var column = 0; column < PanelKernel.Width; column++)
            {
                kernel.WriteColumn(alone.Pointer, column, weights.AsSpan(column * inputs, inputs));
            }

            var bytes = (int)kernel.PanelBytes(inputs);
            Assert.Equal(new ReadOnlySpan<byte>(alone.Pointer, bytes).ToArray(), new ReadOnlySpan<byte>(together.Pointer, bytes).ToArray());
        }
    }

    [Fact]
    public void Bf16_rounds_to_nearest_even_and_keeps_nan()
    {
        var kernel = PanelKernel.Create(WeightFormat.BF16, SimdPath.Portable);
        float[] values = [1f, 1 + (1f / 256), 1 + (3f / 256), MathF.BitIncrement(1 + (1f / 256)), float.NaN, float.PositiveInfinity, float.MaxValue, -0f];
        float[] expected = [1f, 1f, 1 + (4f / 256), 1 + (2f / 256), float.NaN, float.PositiveInfinity, float.PositiveInfinity, -0f];
        using var memory = new NativeBuffer(WeightMatrix.BytesFor(kernel, 1, values.Length));
        var matrix = new WeightMatrix(memory.Pointer, kernel, 1, values.Length);
        matrix.Fill(new ArrayTensor(values, 1, values.Length), 0);
        var row = new float[values.Length];
        matrix.ReadRow(0, row);
        Assert.Equal(expected, row);
    }

    [Fact]
    public void Sizes_that_do_not_fit_are_refused()
    {
        var kernel = PanelKernel.Create(WeightFormat.F32, SimdPath.Portable);
        using var memory = new NativeBuffer(WeightMatrix.BytesFor(kernel, 40, 8));
        using var wide = new ActivationBuffer(64);
        using var narrow = new ActivationBuffer(1);
        var matrix = new WeightMatrix(memory.Pointer, kernel, 40, 8);
        Assert.Throws<ArgumentException>(() => matrix.Multiply(0, 3, 1, wide.Rows(1), wide.Rows(1), false));
        Assert.Throws<ArgumentException>(() => matrix.Multiply(0, 2, 2, wide.Rows(1), wide.Rows(2), false));
        Assert.Throws<ArgumentException>(() => matrix.Multiply(0, 2, 1, wide.Rows(1), narrow.Rows(1), false));
        Assert.Throws<ArgumentException>(() => matrix.Fill(new ArrayTensor(new float[8 * 8], 8, 8), 33));
        Assert.Throws<ArgumentOutOfRangeException>(() => matrix.ReadRow(40, new float[8]));
    }

    [Fact]
    public void The_switch_names_what_it_can_force()
    {
        Assert.Equal(SimdPaths.Available[^1], SimdPaths.Choose(null));
        Assert.Equal(SimdPath.Portable, SimdPaths.Choose("portable"));
        var error = Assert.Throws<NotSupportedException>(() => SimdPaths.Choose("sse9"));
        Assert.Contains("LAYERSKIP_SIMD is 'sse9'", error.Message, StringComparison.Ordinal);
    }

    /// <summary>All paths: 512-bit code runs everywhere, on machines without AVX-512 as the runtime's own emulation.</summary>
    internal static SimdPath[] AllPaths() => Enum.GetValues<SimdPath>();

    private static float[][] Naive(float[] weights, RowsView x, RowsView y, int outputs, int inputs, int rows, bool accumulate)
    {
        var result = new float[rows][];
        for (var row = 0; row < rows; row++)
        {
            result[row] = accumulate ? y.Row(row, outputs).ToArray() : new float[outputs];
            for (var output = 0; output < outputs; output++)
            {
                for (var k = 0; k < inputs; k++)
                {
                    result[row][output] = MathF.FusedMultiplyAdd(x.Row(row, inputs)[k], weights[(output * inputs) + k], result[row][output]);
                }
            }
        }

        return result;
    }

    private static float[] RandomWeights(Random random, int outputs, int inputs, WeightFormat format)
    {
        var weights = new float[outputs * inputs];
        Fill(random, weights);
        if (format == WeightFormat.BF16)
        {
            foreach (ref var weight in weights.AsSpan())
            {
                weight = BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(weight) & 0xFFFF0000);
            }
        }

        return weights;
    }

    private static void Fill(Random random, Span<float> values)
    {
        foreach (ref var value in values)
        {
            value = (random.NextSingle() * 2) - 1;
        }
    }
}
