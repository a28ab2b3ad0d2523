namespace LayerSkip.Engine.Checkpoints.Gguf;

/// <summary>A weight in a GGUF file, in Hugging Face's order of rows.</summary>
/// <param name="file">The file.</param>
/// <param name="entry">Where it lies there: a vector or a matrix.</param>
/// <param name="name">Its Hugging Face name.</param>
/// <param name="interleavedHead">Elements of a head whose rows the file interleaves; 0: rows lie in order.</param>
internal sealed class GgufTensor(GgufFile file, GgufEntry entry, string name, int interleavedHead) : WeightTensor
{
    private readonly GgufTensorType _type = (GgufTensorType)entry.Type;
    private readonly bool _isVector = entry.Shape.Length == 1;
    private readonly long _rowBytes = GgufTensorTypes.BytesOf((GgufTensorType)entry.Type, entry.Shape[^1]);

    public override string Name => name;

    /// <summary>Matrices of Q8_0 and Q4_0 keep their blocks; what is widened from other blocks is told as bfloat16, whose error is far below theirs.</summary>
    public override TensorDataType DataType => _type switch
    {
        GgufTensorType.F32 => TensorDataType.F32,
        GgufTensorType.F16 => TensorDataType.F16,
        GgufTensorType.Q8_0 when !_isVector => TensorDataType.Int8,
        GgufTensorType.Q4_0 when !_isVector => TensorDataType.Int4,
        _ => TensorDataType.BF16,
    };

    public override IReadOnlyList<long> Shape => entry.Shape;

    /// <exception cref="CheckpointException">A block's scale is infinite or NaN.</exception>
    public override void ReadRow(int row, Span<float> destination)
    {
        CheckRow(row, destination);
        var stored = FileRow(row);
        using (var bytes = TakeRow(stored))
        {
            if (GgufBlocks.Widen(_type, bytes.Bytes, destination) is >= 0 and var block)
            {
                throw WrongScale(stored, block);
            }
        }

        if (interleavedHead > 0 && _isVector)
        {
            var interleaved = destination.ToArray();
            for (var i = 0; i < interleaved.Length; i++)
            {
                destination[i] = interleaved[HeadInterleaving.FileRow(i, interleavedHead)];
            }
        }
    }

    /// <inheritdoc/>
    /// <exception cref="CheckpointException">A block's scale is infinite or NaN.</exception>
    internal override void ReadBlocks(int row, Span<sbyte> values, Span<float> scales)
    {
        CheckBlocks(row, values, scales);
        var stored = FileRow(row);
        using var bytes = TakeRow(stored);
        if (GgufBlocks.Unpack(_type, bytes.Bytes, values, scales) is >= 0 and var block)
        {
            throw WrongScale(stored, block);
        }
    }

    private int FileRow(int row) => interleavedHead > 0 && !_isVector ? HeadInterleaving.FileRow(row, interleavedHead) : row;

    private StoredFile.Lease TakeRow(int stored) => file.Take(entry.Offset + (stored * _rowBytes), (int)_rowBytes);

    private CheckpointException WrongScale(int stored, int block) => new(
        $"{file.Name}: tensor {ErrorText.Quote(entry.Name)}: the scale of block {block} of row {stored} is infinite or NaN, expected a finite one");
}
