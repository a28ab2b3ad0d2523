namespace LayerSkip.Engine.Cuda.Weights;

/// <summary>A weight matrix [outputs, inputs] in device memory.</summary>
/// <param name="Format">How its elements lie.</param>
/// <param name="Address">Its rows.</param>
/// <param name="Scales">Scales of blocks of inputs; 0 where the format has none.</param>
/// <param name="Outputs">Rows.</param>
/// <param name="Inputs">Elements of a row that count; zeros follow them.</param>
/// <param name="Bias">float [outputs]; 0 where there is none.</param>
internal sealed record DeviceMatrix(MatrixFormat Format, ulong Address, ulong Scales, int Outputs, int Inputs, ulong Bias)
{
    /// <summary>Bytes that a pass over it reads.</summary>
    public long Bytes => Format.BytesFor(Outputs, Inputs);
}
