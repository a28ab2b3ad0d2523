using System.Runtime.InteropServices;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Cuda.Weights;

/// <summary>Brings rows of float32 into a matrix's format.</summary>
internal static class RowPacking
{
    /// <param name="format">The format.</param>
    /// <param name="row">The inputs.</param>
    /// <param name="packed">The stored row, all zeros so far.</param>
    public static void Pack(MatrixFormat format, ReadOnlySpan<float> row, Span<byte> packed)
    {
        switch (format)
        {
            case MatrixFormat.F32:
                MemoryMarshal.AsBytes(row).CopyTo(packed);
                break;
            case MatrixFormat.Bf16:
                ElementNarrowing.Narrow(TensorDataType.BF16, row, packed);
                break;
            default:
                ElementNarrowing.Narrow(TensorDataType.F16, row, packed);
                break;
        }
    }
}
