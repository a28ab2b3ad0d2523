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
        _weights = new float[tensor.Columns];
        if (kernel is BlockKernel blocks)
        {
            _values = new sbyte[tensor.Columns];
            _scales = new float[WeightBlocks.Count(tensor.Columns)];
            _holdsBlocks = blocks.Holds(tensor.DataType);
        }
    }

    /// <summary>Packs one row.</summary>
    /// <param name="row">The tensor's row.</param>
    /// <param name="panel">The panel.</param>
    /// <param name="column">The panel's column (0..31).</param>
    /// <exception cref="CheckpointException">The row holds a NaN or an infinity, and the format has none.</exception>
    public void Pack(int row, byte* panel, int column)
    {
        if (_kernel is not BlockKernel blocks)
        {
            _tensor.ReadRow(row, _weights);
            _kernel.WriteColumn(panel, column, _weights);
            return;
        }

        if (_holdsBlocks)
        {
            // The tensor's own blocks, as they are.
            _tensor.ReadBlocks(row, _values, _scales);
        }
        else
        {
            _tensor.ReadRow(row, _weights);
            WeightBlocks.Quantize(blocks.DataType, _weights, _values, _scales);
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
