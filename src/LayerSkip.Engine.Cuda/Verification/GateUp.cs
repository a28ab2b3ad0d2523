using LayerSkip.Engine.Cuda.Weights;

namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>y = silu(Wg · x + bg) · (Wu · x + bu)</summary>
internal sealed class GateUp : RandomProduct
{
    private readonly RandomMatrix _gate;
    private readonly RandomMatrix _up;
    private readonly float[]? _gateBias;
    private readonly float[]? _upBias;

    public GateUp(MatrixFormat format, int rows, int outputs, int inputs, Random random)
        : base("gate_up", format, rows, outputs, inputs, random)
    {
        (_gate, _up) = (new(format, outputs, inputs, random), new(format, outputs, inputs, random));
        (_gateBias, _upBias) = random.Next(2) == 0 ? (null, null) : (random.Floats(outputs), random.Floats(outputs));
    }

    public override float Before(int row, int output) => 0;

    public override (double Value, double Magnitude) Exact(int row, int output)
    {
        var (g, ofGate) = _gate.Times(output, Exactly(row));
        var (u, ofUp) = _up.Times(output, Exactly(row));
        (g, u) = (g + (_gateBias?[output] ?? 0), u + (_upBias?[output] ?? 0));
        var exact = g / (1 + Math.Exp(-g)) * u;
        return (exact, Math.Abs(exact) + ((ofGate + 1) * (Math.Abs(u) + 1)) + ((ofUp + 1) * (Math.Abs(g) + 1)));
    }

    public override float[] Run(KernelBench bench, bool tiles, int first, int count)
    {
        var ((gate, gateScales), (up, upScales)) = (_gate.On(bench), _up.On(bench));
        var y = bench.PutActivations(new float[count * Outputs], Outputs);
        Launch(
            bench, tiles, count, y, gate, gateScales, _gateBias is null ? 0ul : bench.Put(_gateBias), up, upScales, _upBias is null ? 0ul : bench.Put(_upBias),
            PutX(bench, first, count), bench.Put<int>(Positions.AsSpan(first, count)), count, Outputs, Inputs);
        return bench.GetActivations(y, count, Outputs);
    }
}
