namespace LayerSkip.Engine.Checkpoints;

/// <summary>A weight in a safetensors file.</summary>
internal sealed class SafetensorsTensor(SafetensorsFile file, SafetensorsEntry entry, TensorDataType type) : WeightTensor
{
    public override string Name => entry.Name;

    public override TensorDataType DataType => type;

    public override IReadOnlyList<long> Shape => entry.Shape;

    public override void ReadRow(int row, Span<float> destination)
    {
        CheckRow(row, destination);
        Read(row, destination);
    }

    internal override void ReadRows(int row, int count, Span<float> destination)
    {
        CheckRows(row, count, destination);
        Read(row, destination);
    }

    private void Read(int row, Span<float> destination) =>
        file.Read(entry.Begin + ((long)row * Columns * SafetensorsDataTypes.SizeOf(type)), type, destination);
}
