using System.Runtime.InteropServices;

namespace LayerSkip.Engine.Checkpoints;

/// <summary>A quantised matrix in safetensors files: its integers, and its scales in a tensor of their own.</summary>
internal sealed class QuantizedSafetensorsTensor : WeightTensor
{
    private readonly SafetensorsFile _file;
    private readonly SafetensorsEntry _entry;
    private readonly SafetensorsFile _scaleFile;
    private readonly SafetensorsEntry _scales;

    /// <param name="file">The file of the integers.</param>
    /// <param name="entry">The integers: I8 [rows, columns], or U8 [rows, 16 · blocks] of four bits each.</param>
    /// <param name="scaleFile">The file of the scales.</param>
    /// <param name="scales">The scales: F32 [rows, blocks].</param>
    /// <param name="shape">What the matrix is to be.</param>
    /// <exception cref="CheckpointException">A shape or a type is another one.</exception>
    public QuantizedSafetensorsTensor(
        SafetensorsFile file, SafetensorsEntry entry, SafetensorsFile scaleFile, SafetensorsEntry scales, long[] shape)
    {
        (_file, _entry, _scaleFile, _scales, Shape) = (file, entry, scaleFile, scales, shape);
        DataType = entry.DataType == QuantizedTensors.Int8Type ? TensorDataType.Int8 : TensorDataType.Int4;
        var blocks = WeightBlocks.Count(Columns);
        var stored = DataType == TensorDataType.Int8 ? shape : [shape[0], blocks * (long)QuantizedTensors.Int4BlockBytes];
        if (!entry.Shape.AsSpan().SequenceEqual(stored))
        {
            throw new CheckpointException(
                $"{file.Name}: tensor {ErrorText.Quote(entry.Name)} of {entry.DataType} has shape {ErrorText.Shape(entry.Shape)}, "
                + $"expected {ErrorText.Shape(stored)} for a matrix {ErrorText.Shape(shape)}");
        }

        if (scales.DataType != "F32" || !scales.Shape.AsSpan().SequenceEqual([shape[0], blocks]))
        {
            throw new CheckpointException(
                $"{scaleFile.Name}: tensor {ErrorText.Quote(scales.Name)} is {scales.DataType} of shape {ErrorText.Shape(scales.Shape)}, "
                + $"expected F32 of shape {ErrorText.Shape([shape[0], blocks])}: one for each {WeightBlocks.Size} columns of {ErrorText.Quote(entry.Name)}");
        }
    }

    public override string Name => _entry.Name;

    public override TensorDataType DataType { get; }

    public override IReadOnlyList<long> Shape { get; }

    public override void ReadRow(int row, Span<float> destination)
    {
        CheckRow(row, destination);
        var values = new sbyte[Columns];
        var scales = new float[WeightBlocks.Count(Columns)];
        ReadBlocks(row, values, scales);
        WeightBlocks.Dequantize(values, scales, destination);
    }

    /// <inheritdoc/>
    /// <exception cref="CheckpointException">A scale is not finite.</exception>
    internal override void ReadBlocks(int row, Span<sbyte> values, Span<float> scales)
    {
        CheckBlocks(row, values, scales);
        _scaleFile.Read(_scales.Begin + ((long)row * scales.Length * sizeof(float)), TensorDataType.F32, scales);
        foreach (var scale in scales)
        {
            if (!float.IsFinite(scale))
            {
                throw new CheckpointException(
                    $"{_scaleFile.Name}: tensor {ErrorText.Quote(_scales.Name)}: row {row} holds {scale}, expected finite numbers");
            }
        }

        if (DataType == TensorDataType.Int8)
        {
            _file.Read(_entry.Begin + ((long)row * Columns), MemoryMarshal.AsBytes(values));
            return;
        }

        var bytes = scales.Length * QuantizedTensors.Int4BlockBytes;
        using var stored = _file.Take(_entry.Begin + ((long)row * bytes), bytes);
        QuantizedTensors.UnpackInt4(stored.Bytes, values);
    }
}
