using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu.Jobs;

/// <summary>The MLP's first half, fused: gate and up projections of a run of panels, then the activation while they are in the cache.</summary>
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
        var layer = _layer!;
        var from = chunk * _panels;
        var to = Math.Min(from + _panels, layer.Gate.Panels);
        Project(layer.Gate, layer.GateBias, _gateInput, _gate, from, to);
        Project(layer.Up, layer.UpBias, _upInput, _up, from, to);

        var (start, length) = (from * PanelKernel.Width, (to - from) * PanelKernel.Width);
        for (var row = 0; row < _gateInput.Count; row++)
        {
            GatedSilu.Apply(_gate.Row(row, _gate.Stride).Slice(start, length), _up.Row(row, _up.Stride).Slice(start, length));
        }
    }

    private static void Project(WeightMatrix matrix, float[]? bias, in RowsView x, in RowsView y, int from, int to)
    {
        if (bias is not null)
        {
            var start = from * PanelKernel.Width;
            var piece = bias.AsSpan(start, Math.Min(bias.Length, to * PanelKernel.Width) - start);
            for (var row = 0; row < x.Count; row++)
            {
                var target = y.Row(row, y.Stride).Slice(start, (to - from) * PanelKernel.Width);
                piece.CopyTo(target);
                target[piece.Length..].Clear();
            }
        }

        matrix.Multiply(from, to, x.Count, x, y, accumulate: bias is not null);
    }
}
