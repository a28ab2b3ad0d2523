using LayerSkip.Engine.Cuda.Weights;

namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>y += W · x + bias</summary>
internal sealed class ProjectAdd : RandomProduct
{
    private readonly RandomMatrix _matrix;
    private readonly float[] _stream;
    private readonly float[]? _bias;

    public ProjectAdd(MatrixFormat format, int rows, int outputs, int inputs, Random random)
        : base("project_add", format, rows, outputs, inputs, random)
    {
        _matrix = new(format, outputs, inputs, random);
        _stream = random.Floats(rows * outputs);
        _bias = random.Next(2) == 0 ? null : random.Floats(outputs);
    }

    public override float Before(int row, int output) => _stream[(row * Outputs) + output];

    public override (double Value, double Magnitude) Exact(int row, int output)
    {
        var (sum, magnitude) = _matrix.Times(output, Exactly(row));
        return (sum + (_bias?[output] ?? 0) + Before(row, output), magnitude + 2);
    }

    public override float[] Run(KernelBench bench, bool tiles, int first, int count)
    {
        var (data, scales) = _matrix.On(bench);
        var y = bench.PutRows(BeforeOf(first, count), Outputs, Geometry.Padded(Outputs));
        Launch(
            bench, tiles, count, y, data, scales, _bias is null ? 0ul : bench.Put(_bias), PutX(bench, first, count),
            bench.Put<int>(Positions.AsSpan(first, count)), count, Outputs, Inputs);
        return bench.GetRows(y, count, Outputs, Geometry.Padded(Outputs));
    }
}
