using System.Runtime.InteropServices;
using LayerSkip.Engine.Cuda.Execution;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Sampling;

namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>Tokens are drawn as the engine's <see cref="ExponentialRace"/> draws them.</summary>
internal sealed class RaceCase : KernelCase
{
    private const int Rows = 4, Invalid = 3;
    private readonly int _tokens;
    private readonly float[] _p;
    private readonly int[] _positions;
    private readonly ulong _seed;

    public RaceCase(int tokens, Random random)
    {
        _tokens = tokens;
        _p = [.. Enumerable.Range(0, Rows * tokens).Select(_ => random.Next(3) == 0 ? 0 : (float)random.NextDouble())];
        for (var row = 0; row < Rows; row++)
        {
            _p[(row * tokens) + random.Next(tokens)] = 0.5f;
        }

        _positions = [random.Next(100), random.Next(1 << 20), -1, 5];
        _seed = (ulong)random.NextInt64();
    }

    public override string Kernel => "race";

    public override IReadOnlyList<KernelSize> Sizes => [new("rows", Rows), new("tokens", _tokens)];

    /// <summary>The keys, then the drawn tokens' likelihoods.</summary>
    public override uint[] Run(KernelBench bench)
    {
        var (best, likelihoods) = (bench.Put(new ulong[Rows]), bench.Put(new float[Rows]));
        bench.Launch(
            Kernel, (Rows, 1, 1), 256, best, likelihoods, bench.Put(_p), bench.Put(1, 1, 1, 0), bench.Put(_positions),
            bench.Put(new SamplingParameters(new TokenDraw(new() { Temperature = 1 }, _seed))), Rows, _tokens, _tokens);
        return [.. bench.Get<uint>(best, 2 * Rows), .. bench.Get<uint>(likelihoods, Rows)];
    }

    public override Deviation Compare(uint[] result)
    {
        var deviation = new Deviation(0);
        var race = new ExponentialRace(_seed);
        var keys = MemoryMarshal.Cast<uint, ulong>(result.AsSpan(0, 2 * Rows));
        var likelihoods = MemoryMarshal.Cast<uint, float>(result.AsSpan(2 * Rows));
        for (var row = 0; row < Rows; row++)
        {
            var drawn = _positions[row] >= 0 && row != Invalid ? race.Winner(_p.AsSpan(row * _tokens, _tokens), _positions[row] + 1) : -1;
            deviation.Same(drawn, ChoiceKey.Token(keys[row]), "the token drawn by row", row);
            deviation.Same(drawn < 0 ? 0 : _p[(row * _tokens) + drawn], likelihoods[row], "the likelihood of the token drawn by row", row);
        }

        return deviation;
    }
}
