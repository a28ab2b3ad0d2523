namespace LayerSkip.Engine.Devices.Cpu.Jobs;

/// <summary>The MLP's first half, cut into runs of panels.</summary>
internal sealed class GatedMlpJob : ParallelJob
{
    private CpuLayer? _layer;
    private RowsView _gateInput;
    private RowsView _upInput;
    private RowsView _gate;
    private RowsView _up;
    private int _panels;

    /// <summary>gate = silu(Wg x + bg) · (Wu x + bu) over all rows of <paramref name="x"/>.</summary>
    public void Run(ComputePool pool, RowQuantizer quantizer, CpuLayer layer, in RowsView x, in RowsView gate, in RowsView up)
    {
        (_layer, _gate, _up) = (layer, gate, up);
        _gateInput = quantizer.For(pool, layer.Gate, x);

        // Both take the same rows, quantised once, unless one of them is kept finer.
        var alike = layer.Up.Kernel.TakesQuantizedRows == layer.Gate.Kernel.TakesQuantizedRows;
        _upInput = alike ? _gateInput : quantizer.For(pool, layer.Up, x);
        _panels = layer.Gate.PanelsPerChunk(pool.Threads, x.Count);
        pool.Run(this, (layer.Gate.Panels + _panels - 1) / _panels, layer.Down);
    }

    public override void Run(int chunk, int worker)
    {
        var from = chunk * _panels;
        GatedMlp.Run(_layer!, from, Math.Min(from + _panels, _layer!.Gate.Panels), _gateInput, _upInput, _gate, _up);
    }
}
