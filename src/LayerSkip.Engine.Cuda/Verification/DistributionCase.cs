using System.Runtime.InteropServices;
using LayerSkip.Engine.Cuda.Execution;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Sampling;

namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>Logits to probabilities as the engine's <see cref="Distribution"/> does: temperature, top-k, top-p, min-p.</summary>
internal sealed class DistributionCase : KernelCase
{
    /// <summary>Of each probability.</summary>
    private const double Bound = 1e-5;

    private readonly SamplingOptions _options;
    private readonly float[] _logits;

    /// <param name="options">What the distribution is asked to be.</param>
    /// <param name="logits">One row's.</param>
    public DistributionCase(SamplingOptions options, float[] logits) => (_options, _logits) = (options, logits);

    public override string Kernel => "distribution";

    public override IReadOnlyList<KernelSize> Sizes => [new("tokens", _logits.Length)];

    /// <summary>Random options and logits, banned tokens and NaN among them.</summary>
    public static DistributionCase Random(int tokens, Random random)
    {
        var options = new SamplingOptions
        {
            Temperature = random.Next(6) == 0 ? 0 : (float)(0.2 + random.NextDouble()),
            TopK = random.Next(2) == 0 ? 0 : random.Next(1, 50),
            TopP = random.Next(2) == 0 ? 1 : (float)(0.05 + (0.9 * random.NextDouble())),
            MinP = random.Next(3) == 0 ? (float)(0.3 * random.NextDouble()) : 0,
        };
        var logits = Enumerable.Range(0, tokens).Select(_ => random.Next(20) == 0 ? float.NegativeInfinity : (float)(8 * (random.NextDouble() - 0.5))).ToArray();
        if (random.Next(5) == 0)
        {
            logits[random.Next(tokens)] = float.NaN;
        }

        return new(options, logits);
    }

    /// <summary>Whether there is a distribution, then the probabilities.</summary>
    public override uint[] Run(KernelBench bench)
    {
        var (row, valid) = (bench.Put(_logits), bench.Put(7));
        bench.Launch(Kernel, (1, 1, 1), 256, row, valid, bench.Put(0), bench.Put(new SamplingParameters(new TokenDraw(_options, 0))), 1, _logits.Length, _logits.Length);
        return [.. bench.Get<uint>(valid, 1), .. bench.Get<uint>(row, _logits.Length)];
    }

    public override Deviation Compare(uint[] result)
    {
        var deviation = new Deviation(Bound);
        var expected = _logits.ToArray();
        var valid = new Distribution(_options).TryFromLogits(expected);
        deviation.Same(valid ? 1u : 0, result[0], "whether there is a distribution, of row", 0);
        var probabilities = MemoryMarshal.Cast<uint, float>(result.AsSpan(1));
        for (var id = 0; valid && id < expected.Length; id++)
        {
            deviation.Near(expected[id], probabilities[id], expected[id], 0, id);
        }

        return deviation;
    }
}
