using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Cuda.Weights;

/// <summary>How a matrix's elements lie in device memory; kernels/KERNELS.md gives the layouts.</summary>
internal enum MatrixFormat
{
    F32,
    Bf16,
    F16,
}

/// <summary>Sizes of the formats' rows.</summary>
internal static class MatrixFormats
{
    /// <summary>Elements of a stored row: the inputs, up to whole groups.</summary>
    public static int PaddedInputs(this MatrixFormat format, int inputs) => Geometry.Up(inputs, 32);

    /// <summary>Bytes of a stored row, its scales aside.</summary>
    public static int RowBytes(this MatrixFormat format, int inputs) => format.PaddedInputs(inputs) * (format == MatrixFormat.F32 ? sizeof(float) : sizeof(ushort));

    /// <summary>What the names of the kernels that read it end with.</summary>
    public static string Suffix(this MatrixFormat format) => format switch
    {
        MatrixFormat.F32 => "f32",
        MatrixFormat.Bf16 => "bf16",
        _ => "f16",
    };

    /// <summary>How matrices are kept where a format is asked for.</summary>
    /// <returns>What that is to the outside, and on the device. Both are exact where <paramref name="format"/> is <see cref="WeightFormat.Auto"/>.</returns>
    public static (WeightFormat Kept, MatrixFormat Matrices) Choose(WeightFormat format, ModelConfig config, WeightSource source) => format switch
    {
        WeightFormat.BF16 => (WeightFormat.BF16, MatrixFormat.Bf16),
        WeightFormat.Auto when LlamaTensors.AllMatricesAre(TensorDataType.BF16, config, source) => (WeightFormat.BF16, MatrixFormat.Bf16),
        _ => (WeightFormat.F32, MatrixFormat.F32),
    };
}
