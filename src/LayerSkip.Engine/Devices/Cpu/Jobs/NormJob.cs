using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu.Jobs;

/// <summary>RMSNorm of every row.</summary>
internal sealed class NormJob(float epsilon) : RowJob
{
    private float[] _weight = [];
    private RowsView _x;
    private RowsView _y;

    public void Run(ComputePool pool, float[] weight, in RowsView x, in RowsView y)
    {
        (_weight, _x, _y) = (weight, x, y);
        RunRows(pool, x.Count);
    }

    public override void Run(int chunk, int worker) =>
        RmsNorm.Apply(_x.Row(chunk, _weight.Length), _weight, _y.Row(chunk, _weight.Length), epsilon);
}
