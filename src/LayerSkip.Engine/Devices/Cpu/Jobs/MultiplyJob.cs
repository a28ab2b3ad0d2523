namespace LayerSkip.Engine.Devices.Cpu.Jobs;

/// <summary>y = W x + b, or y += W x + b, cut into runs of panels.</summary>
internal sealed class MultiplyJob : ParallelJob
{
    private WeightMatrix? _matrix;
    private float[]? _bias;
    private RowsView _x;
    private RowsView _y;
    private int _panels;
    private bool _accumulate;

    /// <summary>Runs the product over all rows of <paramref name="x"/>.</summary>
    /// <param name="pool">Threads to use.</param>
    /// <param name="quantizer">Where rows are quantised, if the matrix is.</param>
    /// <param name="matrix">W.</param>
    /// <param name="bias">b; null: none.</param>
    /// <param name="x">The rows.</param>
    /// <param name="y">Their results.</param>
    /// <param name="accumulate">Add to <paramref name="y"/> instead of overwriting it.</param>
    /// <param name="upcoming">What is multiplied next.</param>
    public void Run(
        ComputePool pool, RowQuantizer quantizer, WeightMatrix matrix, float[]? bias, in RowsView x, in RowsView y, bool accumulate, WeightMatrix upcoming)
    {
        (_matrix, _bias, _x, _y, _accumulate) = (matrix, bias, quantizer.For(pool, matrix, x), y, accumulate);
        _panels = matrix.PanelsPerChunk(pool.Threads, x.Count);
        pool.Run(this, (matrix.Panels + _panels - 1) / _panels, upcoming);
    }

    public override void Run(int chunk, int worker)
    {
        var from = chunk * _panels;
        var to = Math.Min(from + _panels, _matrix!.Panels);
        if (_accumulate)
        {
            Projection.Add(_matrix, _bias, from, to, _x, _y);
        }
        else
        {
            Projection.Write(_matrix, _bias, from, to, _x, _y);
        }
    }
}
