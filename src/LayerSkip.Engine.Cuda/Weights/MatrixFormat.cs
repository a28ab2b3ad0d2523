using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Cuda.Weights;

/// <summary>How a matrix's elements lie in device memory; kernels/KERNELS.md gives the layouts.</summary>
internal enum MatrixFormat
{
    F32,
    Bf16,
    F16,
    Q8,
    Q4,
}

/// <summary>Sizes of the formats' rows.</summary>
internal static class MatrixFormats
{
    /// <summary>Elements of a stored row: the inputs, up to whole groups.</summary>
    public static int PaddedInputs(this MatrixFormat format, int inputs) => Geometry.Up(inputs, format switch
    {
        MatrixFormat.Q4 => 128,
        MatrixFormat.Q8 => 64,
        _ => 32,
    });

    /// <summary>Bytes of a stored row, its scales aside.</summary>
    public static int RowBytes(this MatrixFormat format, int inputs)
    {
        var padded = format.PaddedInputs(inputs);
        return format switch
        {
            MatrixFormat.F32 => sizeof(float) * padded,
            MatrixFormat.Q8 => padded,
            MatrixFormat.Q4 => padded / 2,
            _ => sizeof(ushort) * padded,
        };
    }

    /// <summary>Scales of a row: one for each block.</summary>
    public static int RowScales(this MatrixFormat format, int inputs) => format is MatrixFormat.Q8 or MatrixFormat.Q4 ? format.PaddedInputs(inputs) / WeightBlocks.Size : 0;

    /// <summary>Bytes of a matrix, scales included.</summary>
    public static long BytesFor(this MatrixFormat format, int outputs, int inputs) =>
        (format.RowBytes(inputs) + ((long)format.RowScales(inputs) * sizeof(float))) * outputs;

    /// <summary>What the names of the kernels that read it end with.</summary>
    public static string Suffix(this MatrixFormat format) => format switch
    {
        MatrixFormat.F32 => "f32",
        MatrixFormat.Bf16 => "bf16",
        MatrixFormat.F16 => "f16",
        MatrixFormat.Q8 => "q8",
        _ => "q4",
    };
}
