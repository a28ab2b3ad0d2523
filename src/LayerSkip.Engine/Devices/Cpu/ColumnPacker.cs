using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>Packs a tensor's rows as a matrix's output columns, one thread's worth of them.</summary>
internal sealed unsafe class ColumnPacker
{
    private readonly PanelKernel _kernel;
    private readonly WeightTensor _tensor;
    private readonly float[] _weights;
    private readonly sbyte[] _values = [];
    private readonly float[] _scales = [];
    private readonly bool _holdsBlocks;

    public ColumnPacker(PanelKernel kernel, WeightTensor tensor)
    {
        _kernel = kernel;
        _tensor = tensor;
        _weights = new float[kernel is BlockKernel ? tensor.Columns : Math.Min(tensor.Rows, PanelKernel.Width) * tensor.Columns];
        if (kernel is BlockKernel blocks)
        {
            _values = new sbyte[tensor.Columns];
            _scales = new float[WeightBlocks.Count(tensor.Columns)];
            _holdsBlocks = blocks.Holds(tensor.DataType);
        }
    }

    /// <summary>Packs rows as neighbouring columns of a panel.</summary>
    /// <param name="row">The tensor's first row.</param>
    /// <param name="count">How many rows, 1..32.</param>
    /// <param name="panel">The panel.</param>
    /// <param name="column">The panel's first column.</param>
    /// <exception cref="CheckpointException">A row holds a NaN or an infinity, and the format has none.</exception>
    public void Pack(int row, int count, byte* panel, int column)
    {
        if (_kernel is BlockKernel blocks)
        {
            for (var i = 0; i < count; i++)
            {
                Pack(blocks, row + i, panel, column + i);
            }

            return;
        }

        var columns = _weights.AsSpan(0, count * _tensor.Columns);
        _tensor.ReadRows(row, count, columns);
        _kernel.WriteColumns(panel, column, columns, _tensor.Columns);
    }

    private void Pack(BlockKernel blocks, int row, byte* panel, int column)
    {
        if (_holdsBlocks)
        {
            // The tensor's own blocks, as they are.
            _tensor.ReadBlocks(row, _values, _scales);
        }
        else
        {
            var weights = _weights.AsSpan(0, _tensor.Columns);
            _tensor.ReadRow(row, weights);
            WeightBlocks.Quantize(blocks.DataType, weights, _values, _scales);
        }

        foreach (var scale in _scales)
        {
            if (!float.IsFinite(scale))
            {
                throw new CheckpointException(
                    $"tensor {ErrorText.Quote(_tensor.Name)}: row {row} holds {scale}, expected finite numbers: {blocks.Format} has no others");
            }
        }

        blocks.WriteColumn(panel, column, _values, _scales);
    }
}
