using System.Runtime.InteropServices;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Tests.Devices.Cpu.Kernels;

/// <summary>Compressed weights against the same as they are, bit for bit, on every path and in both formats, whatever the weights.</summary>
public unsafe class CompressedKernelTests
{
    /// <summary>Kinds of weights, by what has no code.</summary>
    public static TheoryData<string, WeightFormat, string> Cases() =>
        new(from path in Enum.GetNames<SimdPath>() from format in s_formats from weights in s_weights.Keys select (path, format, weights));

    public static TheoryData<string, WeightFormat> Kernels() => new(from path in Enum.GetNames<SimdPath>() from format in s_formats select (path, format));

    private static readonly WeightFormat[] s_formats = [WeightFormat.F32, WeightFormat.BF16];

    private static readonly Dictionary<string, Func<Random, uint>> s_weights = new()
    {
        ["of one magnitude"] = random => Bits((random.NextSingle() - 0.5f) * 0.1f),
        ["near zero now and then"] = random => Bits(MathF.Pow(random.NextSingle() - 0.5f, 7)),
        ["a few of them zero"] = random => random.Next(40) == 0 ? 0 : Bits(random.NextSingle() + 0.01f),
        ["a few of them minus zero, subnormal, infinite or NaN"] = random =>
            random.Next(400) == 0 ? ((uint[])[0x80000000, 0x00010000, 0x80000001, 0xff800000, 0x7fc00000, 0x7f800001])[random.Next(6)] : Bits(random.NextSingle() - 2),
        ["the greatest there are"] = random => Bits(float.MaxValue / (1 + random.NextSingle())),
        ["all zero"] = _ => 0,
        ["any bits"] = random => (uint)random.Next() << 1,
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Products_and_rows_are_those_of_the_weights_before(string path, WeightFormat format, string weights)
    {
        var random = new Random(11);
        var kernel = PanelKernel.CreateCompressed(format, Enum.Parse<SimdPath>(path));
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
    public void Takes_four_bits_less_where_weights_are_alike_and_hardly_more_where_they_are_not(string path, WeightFormat format, string weights)
    {
        var kernel = PanelKernel.CreateCompressed(format, Enum.Parse<SimdPath>(path));
        using var matrices = new Matrices(kernel, new Random(4), 96, 2050, s_weights[weights]);
        var least = LeastShare(format);
        var most = weights is "of one magnitude" or "all zero" or "the greatest there are" or "a few of them zero" ? least + 0.02 : 1.04;
        Assert.InRange(matrices.Compressed.Bytes / (double)matrices.Plain.Bytes, least, most);
    }

    [Theory]
    [InlineData(WeightFormat.F32)]
    [InlineData(WeightFormat.BF16)]
    public void A_code_suits_all_of_a_panel_and_not_its_beginning(WeightFormat format)
    {
        var kernel = PanelKernel.CreateCompressed(format, SimdPaths.Choose());
        var input = 0;
        using var matrices = new Matrices(kernel, new Random(8), 32, 2048, random => Bits(input++ % 2048 < 8 ? 1e-20f : random.NextSingle() + 0.1f));
        Assert.InRange(matrices.Compressed.Bytes / (double)matrices.Plain.Bytes, LeastShare(format), LeastShare(format) + 0.02);
    }

    [Theory]
    [InlineData(WeightFormat.Auto)]
    [InlineData(WeightFormat.Int8)]
    [InlineData(WeightFormat.Int4)]
    public void Nothing_else_is_compressed(WeightFormat format) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => PanelKernel.CreateCompressed(format, SimdPaths.Choose()));

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Rows_are_copied_to_a_matrix_that_is_not_compressed(string path, WeightFormat format)
    {
        var random = new Random(6);
        var kernel = PanelKernel.CreateCompressed(format, Enum.Parse<SimdPath>(path));
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

    private static uint Bits(float value) => BitConverter.SingleToUInt32Bits(value);

    /// <summary>What is left where every weight has a code.</summary>
    private static double LeastShare(WeightFormat format) => format == WeightFormat.BF16 ? 12.0 / 16 : 28.0 / 32;

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
            // What bfloat16 cannot hold would be rounded, NaNs among it.
            var held = kernel.Format == WeightFormat.BF16 ? 0xffff0000 : uint.MaxValue;
            var weights = new float[outputs * inputs];
            foreach (ref var value in weights.AsSpan())
            {
                value = BitConverter.UInt32BitsToSingle(weight(random) & held);
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
