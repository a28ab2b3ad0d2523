using System.Runtime.InteropServices;

namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>RMSNorm, as activations or as numbers.</summary>
/// <param name="rows">Rows.</param>
/// <param name="inputs">Width of a row.</param>
/// <param name="states">Whether as numbers.</param>
/// <param name="random">Chooses values.</param>
internal sealed class NormalizeCase(int rows, int inputs, bool states, Random random) : KernelCase
{
    private const float Epsilon = 1e-5f;
    private readonly float[] _x = random.Floats(rows * inputs);
    private readonly float[] _gain = random.Floats(inputs, 1);
    private readonly int[] _positions = random.Positions(rows);

    public override string Kernel => states ? "normed_states" : "normalize";

    public override IReadOnlyList<KernelSize> Sizes => [new("rows", rows), new("inputs", inputs)];

    public override uint[] Run(KernelBench bench)
    {
        var stride = Geometry.Padded(inputs);
        var y = states ? bench.PutRows(new float[rows * inputs], inputs, stride) : bench.PutActivations(new float[rows * inputs], inputs);
        bench.Launch(
            Kernel, (rows, 1, 1), 256, y, bench.PutRows(_x, inputs, stride), bench.PutRows(_gain, inputs, stride), bench.Put(_positions), rows, inputs, Epsilon);
        return [.. MemoryMarshal.Cast<float, uint>(states ? bench.GetRows(y, rows, inputs, stride) : bench.GetActivations(y, rows, inputs))];
    }

    public override Deviation Compare(uint[] result)
    {
        var values = MemoryMarshal.Cast<uint, float>(result);
        var deviation = new Deviation(RandomProduct.Bound);
        for (var row = 0; row < rows; row++)
        {
            var normed = Normed(_x.AsSpan(row * inputs, inputs));
            for (var i = 0; i < inputs; i++)
            {
                var expected = _positions[row] < 0 ? 0 : normed[i];
                deviation.Near(expected, values[(row * inputs) + i], Math.Abs(expected), row, i);
            }
        }

        return deviation;
    }

    /// <summary>RMS norm in double arithmetic.</summary>
    private double[] Normed(ReadOnlySpan<float> x)
    {
        var squares = 0.0;
        foreach (var value in x)
        {
            squares += (double)value * value;
        }

        var inverse = 1 / Math.Sqrt((squares / x.Length) + Epsilon);
        var normed = new double[x.Length];
        for (var i = 0; i < x.Length; i++)
        {
            normed[i] = x[i] * inverse * _gain[i];
        }

        return normed;
    }
}
