using System.Runtime.InteropServices;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Tests.Devices.Cpu.Kernels;

/// <summary>Compressed bfloat16 against bfloat16 as it is, bit for bit, on every path, whatever the weights.</summary>
public unsafe class CompressedKernelTests
{
    /// <summary>Kinds of weights, by what has no code.</summary>
    public static TheoryData<string, string> Cases() =>
        new(from path in Enum.GetNames<SimdPath>() from weights in s_weights.Keys select (path, weights));

    private static readonly Dictionary<string, Func<Random, uint>> s_weights = new()
    {
        ["of one magnitude"] = random => Bits((random.NextSingle() - 0.5f) * 0.1f),
        ["near zero now and then"] = random => Bits(MathF.Pow(random.NextSingle() - 0.5f, 7)),
        ["a few of them zero"] = random => random.Next(40) == 0 ? 0 : Bits(random.NextSingle() + 0.01f),
        ["a few of them minus zero, subnormal, infinite or NaN"] = random =>
            random.Next(400) == 0 ? ((uint[])[0x80000000, 0x00010000, 0xff800000, 0x7fc00000])[random.Next(4)] : Bits(random.NextSingle() - 2),
        ["the greatest there are"] = random => Bits(float.MaxValue / (1 + random.NextSingle())),
        ["all zero"] = _ => 0,
        ["any bits"] = random => (uint)random.Next() << 1,
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Products_and_rows_are_those_of_the_weights_before(string path, string weights)
    {
        var random = new Random(11);
        var kernel = PanelKernel.CreateCompressed(Enum.Parse<SimdPath>(path));
        for (var round = 0; round < 24; round++)
        {
            var rows = round % 3 == 2 ? 1 : random.Next(1, 32);

            // In the first, several tiles pass over several runs.
            var (outputs, inputs) = (random.Next(1, 100), round == 0 ? 8195 : random.Next(1, 300));
            rows = round == 0 ? 31 : rows;
            using var matrices = new Matrices(kernel, random, outputs, inputs, s_weights[weights]);
            using var xs = new ActivationBuffer(inputs);
            using var expected = new ActivationBuffer(outputs);
            using var actual = new ActivationBuffer(outputs);
            var (x, y, z) = (xs.Rows(rows), expected.Rows(rows), actual.Rows(rows));
            var accumulate = random.Next(2) == 0;
            for (var row = 0; row < rows; row++)
            {
                Fill(random, x.Row(row, inputs));
                Fill(random, y.Row(row, outputs));
                y.Row(row, outputs).CopyTo(z.Row(row, outputs));
            }

            matrices.Plain.Multiply(0, matrices.Plain.Panels, rows, x, y, accumulate);
            var middle = random.Next(matrices.Compressed.Panels + 1);
            matrices.Compressed.Multiply(0, middle, rows, x, z, accumulate);
            matrices.Compressed.Multiply(middle, matrices.Compressed.Panels, rows, x, z, accumulate);
            for (var row = 0; row < rows; row++)
            {
                Assert.Equal(BitsOf(y.Row(row, outputs)), BitsOf(z.Row(row, outputs)));
            }

            var (plainRow, row1) = (new float[inputs], new float[inputs]);
            foreach (var output in (int[])[0, random.Next(outputs), outputs - 1])
            {
                matrices.Plain.ReadRow(output, plainRow);
                matrices.Compressed.ReadRow(output, row1);
                Assert.Equal(BitsOf(plainRow), BitsOf(row1));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Takes_a_quarter_less_where_weights_are_alike_and_hardly_more_where_they_are_not(string path, string weights)
    {
        var kernel = PanelKernel.CreateCompressed(Enum.Parse<SimdPath>(path));
        using var matrices = new Matrices(kernel, new Random(4), 96, 2050, s_weights[weights]);
        var most = weights is "of one magnitude" or "all zero" or "the greatest there are" or "a few of them zero" ? 0.77 : 1.04;
        Assert.InRange(matrices.Compressed.Bytes / (double)matrices.Plain.Bytes, 0.75, most);
    }

    [Fact]
    public void A_code_suits_all_of_a_panel_and_not_its_beginning()
    {
        var kernel = PanelKernel.CreateCompressed(SimdPaths.Choose());
        var input = 0;
        using var matrices = new Matrices(kernel, new Random(8), 32, 2048, random => Bits(input++ % 2048 < 8 ? 1e-20f : random.NextSingle() + 0.1f));
        Assert.InRange(matrices.Compressed.Bytes / (double)matrices.Plain.Bytes, 0.75, 0.77);
    }

    [Theory]
    [InlineData(SimdPath.Portable)]
    [InlineData(SimdPath.Avx2)]
    [InlineData(SimdPath.Avx512)]
    public void Rows_are_copied_to_a_matrix_that_is_not_compressed(object path)
    {
        var random = new Random(6);
        var kernel = PanelKernel.CreateCompressed((SimdPath)path);
        using var matrices = new Matrices(kernel, random, 70, 75, s_weights["any bits"]);
        using var memory = new NativeBuffer(WeightMatrix.BytesFor(kernel.Uncompressed, 3, 75));
        var copy = new WeightMatrix(memory.Pointer, kernel.Uncompressed, 3, 75);
        copy.CopyRows(matrices.Compressed, [69, 0, 33]);
        var (expected, actual) = (new float[75], new float[75]);
        for (var i = 0; i < 3; i++)
        {
            matrices.Plain.ReadRow(((int[])[69, 0, 33])[i], expected);
            copy.ReadRow(i, actual);
            Assert.Equal(BitsOf(expected), BitsOf(actual));
        }

        GC.KeepAlive(memory);
    }

    private static uint Bits(float value) => BitConverter.SingleToUInt32Bits(value) & 0xffff0000;

    private static uint[] BitsOf(Span<float> values) => MemoryMarshal.Cast<float, uint>(values).ToArray();

    private static void Fill(Random random, Span<float> values)
    {
        foreach (ref var value in values)
        {
            value = (random.NextSingle() * 2) - 1;
        }
    }

    /// <summary>The same weights twice.</summary>
    private sealed class Matrices : IDisposable
    {
        private readonly NativeBuffer _plain;
        private readonly NativeBuffer _compressed;

        public Matrices(CompressedKernel kernel, Random random, int outputs, int inputs, Func<Random, uint> weight)
        {
            var weights = new float[outputs * inputs];
            foreach (ref var value in weights.AsSpan())
            {
                value = BitConverter.UInt32BitsToSingle(weight(random) & 0xffff0000);
            }

            _plain = new NativeBuffer(WeightMatrix.BytesFor(kernel.Uncompressed, outputs, inputs));
            Plain = new WeightMatrix(_plain.Pointer, kernel.Uncompressed, outputs, inputs);
            Plain.Fill(new ArrayTensor(weights, outputs, inputs), 0);
            var compression = new MatrixCompression(Plain, kernel, 2);
            _compressed = new NativeBuffer(compression.Bytes);
            Compressed = compression.WriteTo(_compressed.Pointer);
        }

        public WeightMatrix Plain { get; }

        public WeightMatrix Compressed { get; }

        public void Dispose()
        {
            _plain.Dispose();
            _compressed.Dispose();
        }
    }
}
