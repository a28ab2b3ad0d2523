using System.Runtime.InteropServices;

namespace LayerSkip.Engine.Cuda.Tests.Kernels;

/// <summary>A random matrix in one of the weight formats: as the kernels read it (kernels/KERNELS.md), and the exact values that this stands for.</summary>
internal sealed class TestMatrix
{
    public TestMatrix(string format, int outputs, int inputs, Random random)
    {
        (Format, Outputs, Inputs) = (format, outputs, inputs);
        Values = new double[outputs * inputs];
        var padded = Geometry.Up(inputs, format switch { "q8" => 64, "q4" => 128, _ => 32 });
        var blocks = padded / 32;
        var rowBytes = format switch { "f32" => 4 * padded, "q8" => padded, "q4" => padded / 2, _ => 2 * padded };
        Data = new byte[outputs * rowBytes];
        Scales = format[0] == 'q' ? new float[outputs * blocks] : null;
        if (format == "q4")
        {
            Array.Fill(Data, (byte)0x88);
        }

        for (var block = 0; block < Scales?.Length; block++)
        {
            Scales[block] = (float)(0.02 * (0.5 + random.NextDouble()));
        }

        for (var output = 0; output < outputs; output++)
        {
            var row = Data.AsSpan(output * rowBytes, rowBytes);
            for (var i = 0; i < inputs; i++)
            {
                var value = (float)((2 * random.NextDouble()) - 1);
                Values[(output * inputs) + i] = format switch
                {
                    "f32" => MemoryMarshal.Cast<byte, float>(row)[i] = value,
                    "bf16" => Bf16(row, i, value),
                    "f16" => (double)(MemoryMarshal.Cast<byte, Half>(row)[i] = (Half)value),
                    "q8" => Q8(row, i, random.Next(-128, 128)) * (double)Scales![(output * blocks) + (i / 32)],
                    _ => Q4(row, i, random.Next(-8, 8)) * (double)Scales![(output * blocks) + (i / 32)],
                };
            }
        }
    }

    public static TheoryData<string> Formats => ["f32", "bf16", "f16", "q8", "q4"];

    public string Format { get; }

    public int Outputs { get; }

    public int Inputs { get; }

    public byte[] Data { get; }

    public float[]? Scales { get; }

    /// <summary>[outputs, inputs]</summary>
    public double[] Values { get; }

    /// <summary>The product with a vector, and the sum of its terms' magnitudes.</summary>
    public (double Sum, double Magnitude) Times(int output, ReadOnlySpan<double> x)
    {
        var (sum, magnitude) = (0.0, 0.0);
        for (var i = 0; i < Inputs; i++)
        {
            var term = Values[(output * Inputs) + i] * x[i];
            sum += term;
            magnitude += Math.Abs(term);
        }

        return (sum, magnitude);
    }

    /// <summary>Puts the matrix into device memory.</summary>
    public (ulong Data, ulong Scales) On(KernelBench bench) => (bench.Put(Data), Scales is null ? 0 : bench.Put(Scales));

    private static double Bf16(Span<byte> row, int i, float value)
    {
        var bits = (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16);
        MemoryMarshal.Cast<byte, ushort>(row)[i] = bits;
        return BitConverter.UInt32BitsToSingle((uint)bits << 16);
    }

    private static int Q8(Span<byte> row, int i, int value)
    {
        row[(64 * (i / 64)) + (16 * (i % 32 / 8)) + (8 * (i % 64 / 32)) + (i % 8)] = unchecked((byte)value);
        return value;
    }

    private static int Q4(Span<byte> row, int i, int value)
    {
        var word = row.Slice((64 * (i / 128)) + (16 * (i % 32 / 8)) + (4 * (i % 128 / 32)), 4);
        var shift = 4 * (i % 8);
        var bits = BitConverter.ToUInt32(word) & ~(0xfu << shift) | (uint)(value + 8) << shift;
        BitConverter.TryWriteBytes(word, bits);
        return value;
    }
}
