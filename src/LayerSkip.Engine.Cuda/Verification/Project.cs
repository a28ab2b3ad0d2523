using LayerSkip.Engine.Cuda.Weights;

namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>y = W · x + bias</summary>
internal sealed class Project : RandomProduct
{
    private readonly RandomMatrix _matrix;
    private readonly float[]? _bias;
    private readonly int _stride;

    public Project(MatrixFormat format, int rows, int outputs, int inputs, Random random)
        : base("project", format, rows, outputs, inputs, random)
    {
        _matrix = new(format, outputs, inputs, random);
        _bias = random.Next(2) == 0 ? null : random.Floats(outputs);
        _stride = outputs + random.Next(3);
    }

    public override float Before(int row, int output) => 0;

    public override (double Value, double Magnitude) Exact(int row, int output)
    {
        var (sum, magnitude) = _matrix.Times(output, Exactly(row));
        return (sum + (_bias?[output] ?? 0), magnitude + 1);
    }

    public override float[] Run(KernelBench bench, bool tiles, int first, int count)
    {
        var (data, scales) = _matrix.On(bench);
        var y = bench.PutRows(new float[count * Outputs], Outputs, _stride);
        Launch(
            bench, tiles, count, y, data, scales, _bias is null ? 0ul : bench.Put(_bias), PutX(bench, first, count),
            bench.Put<int>(Positions.AsSpan(first, count)), count, Outputs, Inputs, _stride);
        return bench.GetRows(y, count, Outputs, _stride);
    }
}
