using LayerSkip.Engine.Devices.Cpu.Jobs;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>Gives every matrix its activations in the form that its kernel takes.</summary>
/// <param name="width">Floats of the widest row.</param>
internal sealed class RowQuantizer(int width) : RowJob, IDisposable
{
    private readonly ActivationBuffer _blocks = new(QuantizedRow.Floats(width));
    private RowsView _x;
    private RowsView _quantized;
    private int _inputs;

    /// <summary>The rows as they are, or quantised; good until the next call.</summary>
    public RowsView For(ComputePool pool, WeightMatrix matrix, in RowsView x)
    {
        if (!matrix.Kernel.TakesQuantizedRows)
        {
            return x;
        }

        (_x, _quantized, _inputs) = (x, _blocks.Rows(x.Count), matrix.Inputs);
        RunRows(pool, x.Count);
        return _quantized;
    }

    public override void Run(int chunk, int worker) =>
        QuantizedRow.Write(_x.Row(chunk, _inputs), _quantized.Row(chunk, QuantizedRow.Floats(_inputs)));

    public void Dispose() => _blocks.Dispose();
}
