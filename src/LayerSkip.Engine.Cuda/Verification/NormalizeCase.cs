using System.Runtime.InteropServices;

namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>The final norm alone.</summary>
internal sealed class NormalizeCase(int rows, int inputs, Random random) : KernelCase
{
    private const float Epsilon = 1e-5f;
    private readonly float[] _x = random.Floats(rows * inputs);
    private readonly float[] _gain = random.Floats(inputs, 1);
    private readonly int[] _positions = random.Positions(rows);

    public override string Kernel => "normalize";

    public override IReadOnlyList<KernelSize> Sizes => [new("rows", rows), new("inputs", inputs)];

    public override uint[] Run(KernelBench bench)
    {
        var stride = Geometry.Padded(inputs);
        var y = bench.PutRows(new float[rows * inputs], inputs, stride);
        bench.Launch(
            Kernel, (rows, 1, 1), 32, y, bench.PutRows(_x, inputs, stride), bench.PutRows(_gain, inputs, stride), bench.Put(_positions), rows, inputs, Epsilon);
        return [.. MemoryMarshal.Cast<float, uint>(bench.GetRows(y, rows, inputs, stride))];
    }

    public override Deviation Compare(uint[] result)
    {
        var values = MemoryMarshal.Cast<uint, float>(result);
        var deviation = new Deviation(RandomProduct.Bound);
        for (var row = 0; row < rows; row++)
        {
            var normed = Normed(_x.AsSpan(row * inputs, inputs), _gain, Epsilon);
            for (var i = 0; i < inputs; i++)
            {
                var expected = _positions[row] < 0 ? 0 : normed[i];
                deviation.Near(expected, values[(row * inputs) + i], Math.Abs(expected), row, i);
            }
        }

        return deviation;
    }

    /// <summary>RMS norm in double arithmetic.</summary>
    public static double[] Normed(ReadOnlySpan<float> x, float[] gain, float epsilon)
    {
        var squares = 0.0;
        foreach (var value in x)
        {
            squares += (double)value * value;
        }

        var inverse = 1 / Math.Sqrt((squares / x.Length) + epsilon);
        var normed = new double[x.Length];
        for (var i = 0; i < x.Length; i++)
        {
            normed[i] = x[i] * inverse * gain[i];
        }

        return normed;
    }
}
