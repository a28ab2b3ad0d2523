using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Tests;

/// <summary>A quantised matrix in arrays, row after row.</summary>
internal sealed class BlockTensor : WeightTensor
{
    private readonly sbyte[] _values;
    private readonly float[] _scales;

    /// <summary>Random integers over the whole range, random scales of either sign.</summary>
    public BlockTensor(Random random, TensorDataType dataType, int rows, int columns)
        : this(dataType, rows, columns, 0, 0)
    {
        var range = dataType == TensorDataType.Int8 ? 128 : 8;
        foreach (ref var value in _values.AsSpan())
        {
            value = (sbyte)random.Next(-range, range);
        }

        foreach (ref var scale in _scales.AsSpan())
        {
            scale = (random.NextSingle() - 0.5f) / range;
        }
    }

    /// <summary>The same integer everywhere, and the same scale.</summary>
    public BlockTensor(TensorDataType dataType, int rows, int columns, sbyte value, float scale)
    {
        DataType = dataType;
        Shape = [rows, columns];
        _values = [.. Enumerable.Repeat(value, rows * columns)];
        _scales = [.. Enumerable.Repeat(scale, rows * WeightBlocks.Count(columns))];
    }

    public override string Name => "blocks";

    public override TensorDataType DataType { get; }

    public override IReadOnlyList<long> Shape { get; }

    public override void ReadRow(int row, Span<float> destination)
    {
        var scales = new float[WeightBlocks.Count(Columns)];
        var values = new sbyte[Columns];
        ReadBlocks(row, values, scales);
        WeightBlocks.Dequantize(values, scales, destination);
    }

    internal override void ReadBlocks(int row, Span<sbyte> values, Span<float> scales)
    {
        _values.AsSpan(row * Columns, Columns).CopyTo(values);
        _scales.AsSpan(row * scales.Length, scales.Length).CopyTo(scales);
    }
}
