using System.Runtime.InteropServices;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Cuda.Weights;

namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>A random matrix in one of the weight formats: as the kernels read it (kernels/KERNELS.md), and the exact values that this stands for.</summary>
internal sealed class RandomMatrix
{
    public RandomMatrix(MatrixFormat format, int outputs, int inputs, Random random)
    {
        (Format, Outputs, Inputs) = (format, outputs, inputs);
        Values = new double[outputs * inputs];
        var rowBytes = format.RowBytes(inputs);
        var blocks = format.RowScales(inputs);
        Data = new byte[outputs * rowBytes];
        Scales = blocks > 0 ? new float[outputs * blocks] : null;
        if (format == MatrixFormat.Q4)
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
                    MatrixFormat.F32 => MemoryMarshal.Cast<byte, float>(row)[i] = value,
                    MatrixFormat.Bf16 => Bf16(row, i, value),
                    MatrixFormat.F16 => (double)(MemoryMarshal.Cast<byte, Half>(row)[i] = (Half)value),
                    MatrixFormat.Q8 => Q8(row, i, random.Next(-128, 128)) * (double)Scales![(output * blocks) + (i / WeightBlocks.Size)],
                    _ => Q4(row, i, random.Next(-8, 8)) * (double)Scales![(output * blocks) + (i / WeightBlocks.Size)],
                };
            }
        }
    }

    public MatrixFormat Format { get; }

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
        var row = Values.AsSpan(output * Inputs, Inputs);
        for (var i = 0; i < row.Length; i++)
        {
            var term = row[i] * x[i];
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
        row[RowPacker.PlaceOfQ8(i)] = unchecked((byte)value);
        return value;
    }

    private static int Q4(Span<byte> row, int i, int value)
    {
        var (place, shift) = RowPacker.PlaceOfQ4(i);
        row[place] = (byte)((row[place] & ~(0x0F << shift)) | ((value + 8) << shift));
        return value;
    }
}
