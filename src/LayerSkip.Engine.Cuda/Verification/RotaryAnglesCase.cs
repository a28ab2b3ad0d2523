using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>Rotary angles: the CPU device's, but for the last bit of a few (<see cref="Bound"/>).</summary>
/// <param name="frequencies">Radians a position.</param>
/// <param name="positions">The rows' positions; negative: no row.</param>
internal sealed class RotaryAnglesCase(float[] frequencies, int[] positions) : KernelCase
{
    /// <summary>Half a float32's step below 1: both round a double that is right to more digits, and seldom it lies between two floats.</summary>
    private const double Bound = 6e-8;

    public override string Kernel => "rotary_angles";

    public override IReadOnlyList<KernelSize> Sizes => [new("rows", positions.Length), new("position", positions.Max()), new("planes", frequencies.Length)];

    public override uint[] Run(KernelBench bench)
    {
        var angles = bench.Put(new float[positions.Length * 2 * frequencies.Length]);
        bench.Launch(Kernel, (positions.Length, 1, 1), 128, angles, bench.Put(positions), bench.Put(frequencies), positions.Length, frequencies.Length);
        return bench.Get<uint>(angles, positions.Length * 2 * frequencies.Length);
    }

    public override Deviation Compare(uint[] result)
    {
        var deviation = new Deviation(Bound);
        var planes = frequencies.Length;
        var expected = new float[2 * planes];
        for (var row = 0; row < positions.Length; row++)
        {
            Array.Clear(expected);
            if (positions[row] >= 0)
            {
                Rope.Angles(positions[row], frequencies, expected.AsSpan(0, planes), expected.AsSpan(planes));
            }

            for (var i = 0; i < expected.Length; i++)
            {
                deviation.Near(expected[i], BitConverter.UInt32BitsToSingle(result[(row * 2 * planes) + i]), 1, row, i);
            }
        }

        return deviation;
    }
}
