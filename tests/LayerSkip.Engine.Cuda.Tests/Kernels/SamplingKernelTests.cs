using LayerSkip.Engine.Sampling;

namespace LayerSkip.Engine.Cuda.Tests.Kernels;

/// <summary>Sampling on the device against the engine's own, and that speculation keeps the full model's distribution (invariant I4).</summary>
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
    public void A_token_is_drawn_where_the_engine_draws_it()
    {
        var random = new Random(2);
        for (var round = 0; round < 60; round++)
        {
            var tokens = random.Next(1, 600);
            var p = Enumerable.Range(0, tokens).Select(_ => random.Next(3) == 0 ? 0 : (float)random.NextDouble()).ToArray();
            p[random.Next(tokens)] = 0.5f;
            var sum = p.Sum();
            p = Array.ConvertAll(p, value => value / sum);
            var uniform = round == 0 ? 0 : round == 1 ? 1 - 1e-16 : random.NextDouble();
            var token = KernelBench.InBothOrders(bench =>
            {
                var (best, choice) = (bench.Put(0ul), bench.Put(0));
                bench.Launch("draw", (1, 1, 1), 256, best, bench.Put(p), bench.Put(1), bench.Put(uniform), 1, tokens, tokens);
                bench.Launch("choose", (1, 1, 1), 64, choice, best, bench.Put(0), 1);
                return bench.Get<int>(choice, 1);
            });
            Assert.Equal(Engine.Sampling.Distribution.Draw(p, uniform), token[0]);
        }
    }

    [Fact]
    public void Nothing_is_drawn_from_an_invalid_distribution()
    {
        using var bench = new KernelBench();
        var best = bench.Put(5ul);
        bench.Launch("draw", (1, 1, 1), 256, best, bench.Put(float.NaN, 1f), bench.Put(0), bench.Put(0.5), 1, 2, 2);
        Assert.Equal(0ul, bench.Get<ulong>(best, 1)[0]);
    }

    [Fact]
    public void Verdicts_are_the_engines()
    {
        var random = new Random(3);
        for (var round = 0; round < 60; round++)
        {
            const int Slots = 4;
            var tokens = random.Next(2, 40);
            var drafted = random.Next(Slots);
            var stopped = drafted > 0 && random.Next(3) == 0;
            var (p, q) = (Rows(random, Slots, tokens), Rows(random, Slots, tokens));
            if (round % 7 == 0)
            {
                q = [.. p];
            }

            var draft = Enumerable.Range(0, Slots).Select(i => i == 0 ? 1 : i <= drafted ? Engine.Sampling.Distribution.Draw(Row(p, i - 1, tokens), random.NextDouble()) : -1).ToArray();
            var positions = Enumerable.Range(0, Slots).Select(i => i < drafted || (i == drafted && !stopped) ? 10 + i : -1).ToArray();
            var uniforms = Enumerable.Range(0, Slots + 1).Select(_ => random.NextDouble()).ToArray();

            var accepted = 0;
            while (accepted < drafted && uniforms[accepted] * p[(accepted * tokens) + draft[accepted + 1]] < q[(accepted * tokens) + draft[accepted + 1]])
            {
                accepted++;
            }

            var next = -2;
            if (positions[accepted] >= 0)
            {
                var rest = Row(q, accepted, tokens);
                if (accepted < drafted)
                {
                    rest = [.. rest.Zip(Row(p, accepted, tokens), (a, b) => Math.Max(a - b, 0))];
                }

                next = rest.Sum() > 0 ? Engine.Sampling.Distribution.Draw(rest, uniforms[Slots]) : draft[accepted + 1];
            }

            var result = KernelBench.InBothOrders(bench => Accept(bench, draft, positions, p, q, uniforms, tokens));
            Assert.Equal([drafted, accepted, next, 10, .. draft[1..]], result);
        }
    }

    [Fact]
    public void Accepted_and_replaced_tokens_together_have_the_full_models_distribution()
    {
        // Chi-square with 5 degrees of freedom: 20.5 is passed once in a thousand times.
        const int Tokens = 6, Trials = 3000;
        var random = new Random(4);
        float[] p = [0.5f, 0.1f, 0.1f, 0.1f, 0.15f, 0.05f], q = [0.1f, 0.3f, 0.2f, 0.1f, 0.05f, 0.25f];
        var counts = new int[Tokens];
        using var bench = new KernelBench();
        var (draft, positions, uniforms, result) = (bench.Put(new int[2]), bench.Put(new int[2]), bench.Put(new double[3]), bench.Put(new int[5]));
        var (ofDraft, ofModel, valid) = (bench.Put([.. p, .. p]), bench.Put([.. q, .. q]), bench.Put(1, 1));
        for (var trial = 0; trial < Trials; trial++)
        {
            var drafted = Engine.Sampling.Distribution.Draw(p, random.NextDouble());
            bench.Set(draft, [0, drafted]);
            bench.Set(positions, [3, 4]);
            bench.Set(uniforms, [random.NextDouble(), random.NextDouble(), random.NextDouble()]);
            bench.Launch("accept_sampled", (1, 1, 1), 256, result, draft, positions, ofDraft, ofModel, valid, uniforms, 2, Tokens, Tokens);
            var verdict = bench.Get<int>(result, 3);
            counts[verdict[1] == 1 ? drafted : verdict[2]]++;
        }

        Assert.True(counts.Zip(q, (count, share) => Math.Pow(count - (Trials * share), 2) / (Trials * share)).Sum() < 20.5);
    }

    private static int[] Accept(KernelBench bench, int[] draft, int[] positions, float[] p, float[] q, double[] uniforms, int tokens)
    {
        var result = bench.Put(new int[3 + draft.Length]);
        bench.Launch(
            "accept_sampled", (1, 1, 1), 256, result, bench.Put(draft), bench.Put(positions), bench.Put(p), bench.Put(q),
            bench.Put(Enumerable.Repeat(1, draft.Length).ToArray()), bench.Put(uniforms), draft.Length, tokens, tokens);
        return bench.Get<int>(result, 3 + draft.Length);
    }

    private static float[] Distribution(KernelBench bench, float[] logits, SamplingOptions options, out bool valid)
    {
        var (row, flag) = (bench.Put(logits), bench.Put(7));
        bench.Launch(
            "distribution", (1, 1, 1), 256, row, flag, 1, logits.Length, logits.Length, options.IsGreedy ? 0f : 1 / options.Temperature, options.TopK, options.TopP,
            options.MinP);
        valid = bench.Get<int>(flag, 1)[0] == 1;
        return bench.Get<float>(row, logits.Length);
    }

    private static float[] Row(float[] rows, int row, int length) => rows[(row * length)..((row + 1) * length)];

    private static float[] Rows(Random random, int rows, int tokens)
    {
        var all = new float[rows * tokens];
        for (var row = 0; row < rows; row++)
        {
            var own = Enumerable.Range(0, tokens).Select(_ => (float)(random.Next(3) == 0 ? 0.001 : random.NextDouble())).ToArray();
            var sum = own.Sum();
            Array.ConvertAll(own, value => value / sum).CopyTo(all, row * tokens);
        }

        return all;
    }
}
