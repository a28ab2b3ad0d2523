namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>What a layer computes on the way, a row for each of the pass.</summary>
/// <param name="Qkv">Queries | keys | values.</param>
/// <param name="Attended">What the heads attended to.</param>
/// <param name="Gated">Gate projections, then the MLP's inner activations.</param>
/// <param name="Up">Up projections.</param>
internal readonly record struct LayerRows(RowsView Qkv, RowsView Attended, RowsView Gated, RowsView Up)
{
    /// <summary>The rows from <paramref name="start"/> on.</summary>
    public LayerRows Slice(int start, int count) => new(Qkv.Slice(start, count), Attended.Slice(start, count), Gated.Slice(start, count), Up.Slice(start, count));
}
