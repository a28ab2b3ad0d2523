using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Tests;

/// <summary>A matrix in an array, row after row.</summary>
internal sealed class ArrayTensor(float[] values, int rows, int columns) : WeightTensor
{
    public override string Name => "array";

    public override TensorDataType DataType => TensorDataType.F32;

    public override IReadOnlyList<long> Shape { get; } = [rows, columns];

    public override void ReadRow(int row, Span<float> destination) => values.AsSpan(row * columns, columns).CopyTo(destination);
}
