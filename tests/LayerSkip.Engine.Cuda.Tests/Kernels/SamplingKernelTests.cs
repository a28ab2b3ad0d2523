using LayerSkip.Engine.Cuda.Execution;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Sampling;

namespace LayerSkip.Engine.Cuda.Tests.Kernels;

/// <summary>Sampling on the device against the engine's own, draft and full model alike (invariant I4).</summary>
public class SamplingKernelTests
{
    [Fact]
    public void Distributions_are_the_engines()
    {
        var random = new Random(1);
        for (var round = 0; round < 40; round++)
        {
            var tokens = random.Next(1, 700);
            var options = new SamplingOptions
            {
                Temperature = random.Next(6) == 0 ? 0 : (float)(0.2 + random.NextDouble()),
                TopK = random.Next(2) == 0 ? 0 : random.Next(1, 50),
                TopP = random.Next(2) == 0 ? 1 : (float)(0.05 + (0.9 * random.NextDouble())),
                MinP = random.Next(3) == 0 ? (float)(0.3 * random.NextDouble()) : 0,
            };
            var logits = Enumerable.Range(0, tokens).Select(_ => random.Next(20) == 0 ? float.NegativeInfinity : (float)(8 * (random.NextDouble() - 0.5))).ToArray();
            if (round % 5 == 0)
            {
                logits[random.Next(tokens)] = float.NaN;
            }

            var probabilities = KernelBench.InBothOrders(bench => Distribution(bench, logits, options, out _));
            var expected = logits.ToArray();
            using (var bench = new KernelBench())
            {
                Distribution(bench, logits, options, out var valid);
                Assert.Equal(new Distribution(options, tokens).TryFromLogits(expected), valid);
                if (!valid)
                {
                    continue;
                }
            }

            for (var id = 0; id < tokens; id++)
            {
                Assert.Equal(expected[id], probabilities[id], 1e-5 * expected[id]);
            }
        }
    }

    [Fact]
    public void Where_no_token_is_left_it_says_so()
    {
        foreach (var logits in new float[][] { [float.NegativeInfinity, float.NegativeInfinity], [float.NaN], [float.NaN, float.NegativeInfinity] })
        {
            using var bench = new KernelBench();
            Distribution(bench, logits, new SamplingOptions { Temperature = 1 }, out var valid);
            Assert.False(valid);
        }
    }

    [Fact]
    public void Tokens_are_drawn_as_the_engine_draws_them()
    {
        var random = new Random(2);
        for (var round = 0; round < 60; round++)
        {
            const int Rows = 3;
            var tokens = random.Next(1, 600);
            var p = Enumerable.Range(0, Rows * tokens).Select(_ => random.Next(3) == 0 ? 0 : (float)random.NextDouble()).ToArray();
            p[random.Next(tokens)] = 0.5f;
            p[tokens + random.Next(tokens)] = 0.5f;
            p[(2 * tokens) + random.Next(tokens)] = 0.5f;
            int[] positions = [random.Next(100), random.Next(1 << 20), -1];
            var seed = (ulong)random.NextInt64();
            var drawn = KernelBench.InBothOrders(bench =>
            {
                var (best, choices, places) = (bench.Put(new ulong[Rows]), bench.Put(new int[Rows]), bench.Put(positions));
                var likelihoods = bench.Put(new float[Rows]);
                bench.Launch(
                    "race", (Rows, 1, 1), 256, best, likelihoods, bench.Put(p), bench.Put(1, 1, 1), places, Parameters(bench, seed: seed), Rows, tokens, tokens);
                bench.Launch("choose", (1, 1, 1), 64, choices, best, places, Rows);
                return (TokenGuess[])[.. bench.Get<int>(choices, Rows).Zip(bench.Get<float>(likelihoods, Rows), (token, likelihood) => new TokenGuess(token, likelihood))];
            });
            var race = new ExponentialRace(seed);
            var (first, second) = (race.Winner(p.AsSpan(0, tokens), positions[0] + 1), race.Winner(p.AsSpan(tokens, tokens), positions[1] + 1));
            Assert.Equal([new(first, p[first]), new(second, p[tokens + second]), new(-1, 0)], drawn);
        }
    }

    [Fact]
    public void Drawn_tokens_have_the_distribution()
    {
        // Chi-square with 5 degrees of freedom: 20.5 is passed once in a thousand times.
        const int Tokens = 6, Trials = 4000;
        float[] q = [0.1f, 0.3f, 0.2f, 0.1f, 0.05f, 0.25f];
        using var bench = new KernelBench();
        var (best, choices, positions) = (bench.Put(new ulong[Trials]), bench.Put(new int[Trials]), bench.Put(Enumerable.Range(0, Trials).ToArray()));
        bench.Launch(
            "race", (Trials, 1, 1), 256, best, bench.Put(new float[Trials]), bench.Put(q), bench.Put(Enumerable.Repeat(1, Trials).ToArray()), positions,
            Parameters(bench, seed: 12345), Trials, Tokens, 0);
        bench.Launch("choose", (Geometry.Blocks(Trials, 64), 1, 1), 64, choices, best, positions, Trials);
        var counts = bench.Get<int>(choices, Trials).CountBy(token => token).ToDictionary();
        Assert.True(Enumerable.Range(0, Tokens).Sum(token => Math.Pow(counts[token] - (Trials * q[token]), 2) / (Trials * q[token])) < 20.5);
    }

    [Fact]
    public void Nothing_is_drawn_from_an_invalid_distribution()
    {
        using var bench = new KernelBench();
        var (best, likelihoods) = (bench.Put(5ul, 5ul), bench.Put(5f, 5f));
        bench.Launch(
            "race", (2, 1, 1), 256, best, likelihoods, bench.Put(0.5f, 0.5f, 0f, float.NaN), bench.Put(0, 1), bench.Put(0, 1), Parameters(bench, seed: 7), 2, 2, 2);
        Assert.Equal([0ul, 0ul], bench.Get<ulong>(best, 2));
        Assert.Equal([0f, 0f], bench.Get<float>(likelihoods, 2));
    }

    private static float[] Distribution(KernelBench bench, float[] logits, SamplingOptions options, out bool valid)
    {
        var (row, flag) = (bench.Put(logits), bench.Put(7));
        bench.Launch("distribution", (1, 1, 1), 256, row, flag, bench.Put(0), Parameters(bench, options), 1, logits.Length, logits.Length);
        valid = bench.Get<int>(flag, 1)[0] == 1;
        return bench.Get<float>(row, logits.Length);
    }

    private static ulong Parameters(KernelBench bench, SamplingOptions? options = null, ulong seed = 0) =>
        bench.Put(new SamplingParameters(new TokenDraw(options ?? new() { Temperature = 1 }, seed)));
}
