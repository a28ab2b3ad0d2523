using LayerSkip.Engine.Cuda.Execution;
using LayerSkip.Engine.Cuda.Verification;
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
            KernelBenches.AssertRight(DistributionCase.Random(random.Next(1, 700), random));
        }
    }

    [Fact]
    public void Where_no_token_is_left_it_says_so()
    {
        foreach (var logits in new float[][] { [float.NegativeInfinity, float.NegativeInfinity], [float.NaN], [float.NaN, float.NegativeInfinity] })
        {
            KernelBenches.AssertRight(new DistributionCase(new SamplingOptions { Temperature = 1 }, logits));
        }
    }

    [Fact]
    public void Tokens_are_drawn_as_the_engine_draws_them()
    {
        var random = new Random(2);
        for (var round = 0; round < 60; round++)
        {
            KernelBenches.AssertRight(new RaceCase(random.Next(1, 600), random));
        }
    }

    [Fact]
    public void Drawn_tokens_have_the_distribution()
    {
        // Chi-square with 5 degrees of freedom: 20.5 is passed once in a thousand times.
        const int Tokens = 6, Trials = 4000;
        float[] q = [0.1f, 0.3f, 0.2f, 0.1f, 0.05f, 0.25f];
        using var bench = KernelBenches.Open();
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
        using var bench = KernelBenches.Open();
        var (best, likelihoods) = (bench.Put(5ul, 5ul), bench.Put(5f, 5f));
        bench.Launch(
            "race", (2, 1, 1), 256, best, likelihoods, bench.Put(0.5f, 0.5f, 0f, float.NaN), bench.Put(0, 1), bench.Put(0, 1), Parameters(bench, seed: 7), 2, 2, 2);
        Assert.Equal([0ul, 0ul], bench.Get<ulong>(best, 2));
        Assert.Equal([0f, 0f], bench.Get<float>(likelihoods, 2));
    }

    [Fact]
    public void Guesses_are_as_likely_as_the_engine_says()
    {
        var random = new Random(4);
        foreach (var tokens in new[] { 1, 2, 3, 255, 256, 257, 700 })
        {
            for (var round = 0; round < 6; round++)
            {
                KernelBenches.AssertRight(new GuessCase(random.Next(1, 4), tokens, random));
            }
        }
    }

    private static ulong Parameters(KernelBench bench, ulong seed) => bench.Put(new SamplingParameters(new TokenDraw(new() { Temperature = 1 }, seed)));
}
