using System.Runtime.InteropServices;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Cuda.Weights;

/// <summary>Brings a tensor's rows into a matrix's format, one thread's worth of them.</summary>
internal sealed class RowPacker
{
    private readonly MatrixFormat _format;
    private readonly WeightTensor _tensor;
    private readonly float[] _weights;
    private readonly sbyte[] _values = [];
    private readonly float[] _scales = [];

    public RowPacker(MatrixFormat format, WeightTensor tensor)
    {
        _format = format;
        _tensor = tensor;
        _weights = new float[tensor.Columns];
        if (format is MatrixFormat.Q8 or MatrixFormat.Q4)
        {
            _values = new sbyte[tensor.Columns];
            _scales = new float[WeightBlocks.Count(tensor.Columns)];
        }
    }

    /// <summary>Packs one row.</summary>
    /// <param name="row">The tensor's row.</param>
    /// <param name="packed">The stored row, all zeros so far.</param>
    /// <param name="scales">Its scales, all zeros so far.</param>
    /// <exception cref="CheckpointException">The row holds a NaN or an infinity, and the format has none.</exception>
    public void Pack(int row, Span<byte> packed, Span<float> scales)
    {
        switch (_format)
        {
            case MatrixFormat.F32:
                _tensor.ReadRow(row, _weights);
                MemoryMarshal.AsBytes<float>(_weights).CopyTo(packed);
                break;
            case MatrixFormat.Bf16:
                _tensor.ReadRow(row, _weights);
                ElementNarrowing.Narrow(TensorDataType.BF16, _weights, packed);
                break;
            case MatrixFormat.F16:
                _tensor.ReadRow(row, _weights);
                ElementNarrowing.Narrow(TensorDataType.F16, _weights, packed);
                break;
            case MatrixFormat.Q8:
                ReadBlocks(row, TensorDataType.Int8, scales);
                for (var i = 0; i < _values.Length; i++)
                {
                    packed[PlaceOfQ8(i)] = (byte)_values[i];
                }

                break;
            default:
                ReadBlocks(row, TensorDataType.Int4, scales);
                packed.Fill(0x88); // eight stands for zero
                for (var i = 0; i < _values.Length; i++)
                {
                    var (place, shift) = PlaceOfQ4(i);
                    packed[place] = (byte)((packed[place] & ~(0x0F << shift)) | ((_values[i] + 8) << shift));
                }

                break;
        }
    }

    /// <summary>Where an input's byte lies: lane by lane of the warp that reads 64 of them.</summary>
    internal static int PlaceOfQ8(int input)
    {
        var (group, block, lane, element) = (input / 64, input / 32 % 2, input / 8 % 4, input % 8);
        return (64 * group) + (16 * lane) + (8 * block) + element;
    }

    /// <summary>Where an input's four bits lie: the byte, and the bit in it.</summary>
    internal static (int Place, int Shift) PlaceOfQ4(int input)
    {
        var (group, block, lane, element) = (input / 128, input / 32 % 4, input / 8 % 4, input % 8);
        var bit = (4 * (element / 2)) + (16 * (element % 2)); // of a 32-bit word: neighbours lie in its two halves
        return ((64 * group) + (16 * lane) + (4 * block) + (bit / 8), bit % 8);
    }

    /// <summary>The tensor's own blocks where the format holds them as they are, else its weights quantised.</summary>
    private void ReadBlocks(int row, TensorDataType type, Span<float> scales)
    {
        if (_tensor.DataType == type || (type == TensorDataType.Int8 && _tensor.DataType == TensorDataType.Int4))
        {
            _tensor.ReadBlocks(row, _values, _scales);
        }
        else
        {
            _tensor.ReadRow(row, _weights);
            WeightBlocks.Quantize(type, _weights, _values, _scales);
        }

        foreach (var scale in _scales)
        {
            if (!float.IsFinite(scale))
            {
                throw new CheckpointException(
                    $"tensor {ErrorText.Quote(_tensor.Name)}: row {row} holds {scale}, expected finite numbers: {type} has no others");
            }
        }

        _scales.CopyTo(scales);
    }
}
