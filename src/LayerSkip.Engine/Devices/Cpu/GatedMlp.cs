using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>The MLP's first half, fused.</summary>
internal static class GatedMlp
{
    /// <summary>gate = silu(Wg x + bg) · (Wu x + bu) for a run of panels: gate and up projections, then the activation while they are in the cache.</summary>
    /// <param name="layer">Whose MLP.</param>
    /// <param name="from">First panel.</param>
    /// <param name="to">End of the panels, exclusive.</param>
    /// <param name="gateInput">x, as Wg takes it.</param>
    /// <param name="upInput">x, as Wu takes it.</param>
    /// <param name="gate">The result.</param>
    /// <param name="up">Overwritten.</param>
    public static void Run(CpuLayer layer, int from, int to, in RowsView gateInput, in RowsView upInput, in RowsView gate, in RowsView up)
    {
        Projection.Write(layer.Gate, layer.GateBias, from, to, gateInput, gate);
        Projection.Write(layer.Up, layer.UpBias, from, to, upInput, up);

        var (start, length) = (from * PanelKernel.Width, (to - from) * PanelKernel.Width);
        for (var row = 0; row < gateInput.Count; row++)
        {
            GatedSilu.Apply(gate.Row(row, gate.Stride).Slice(start, length), up.Row(row, up.Stride).Slice(start, length));
        }
    }
}
