using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Sampling;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Sampling;

/// <summary>Distributions are as asked, and speculative sampling draws from exactly the full model's (invariant I4).</summary>
public class SamplingTests
{
    private static readonly ModelConfig s_config = TinyCheckpoint.DefaultConfig with { VocabularySize = 6 };

    [Theory]
    [InlineData(DecodingMode.Autoregressive, 1, 3, 1f, 0, 1f)]
    [InlineData(DecodingMode.SelfSpeculative, 1, 3, 1f, 0, 1f)]
    [InlineData(DecodingMode.SelfSpeculative, 2, 3, 0.7f, 4, 1f)]
    [InlineData(DecodingMode.SelfSpeculative, 3, 3, 1.3f, 0, 0.8f)]
    [InlineData(DecodingMode.SelfSpeculative, 2, 3, 1.1f, 5, 0.9f)]
    [InlineData(DecodingMode.SelfSpeculative, 2, 3, 1f, 0, 1f, 0.1f)]
    [InlineData(DecodingMode.SelfSpeculative, 2, 3, 1f, 0, 1f, 0f, DraftSource.Lookup)]
    [InlineData(DecodingMode.SelfSpeculative, 2, 3, 0.7f, 4, 0.9f, 0f, DraftSource.Combined)]
    [InlineData(DecodingMode.SelfSpeculative, 2, 1, 1f, 0, 1f)] // the second token is the bonus wherever the first was accepted
    public void Samples_have_the_full_models_distribution(DecodingMode mode, int exitLayer, int length, float temperature, int topK, float topP, float minP = 0, DraftSource source = DraftSource.Exit)
    {
        var samples = TestedDevice.Many(20_000, few: 50);

        // There is something to copy, the token after 1 and 2.
        int[] prompt = [1, 2, 3, 1, 2];
        using var model = Models.Random(s_config, seed: 8);
        var expected = ExactPairs(model, prompt, new() { Temperature = temperature, TopK = topK, TopP = topP, MinP = minP });

        var counts = new int[36];
        for (var i = 0; i < samples; i++)
        {
            var options = new DecodingOptions
            {
                Mode = mode,
                ExitLayer = exitLayer,
                NumSpeculations = length,
                DraftSource = source,
                MaxNewTokens = 3,
                Sampling = new() { Temperature = temperature, TopK = topK, TopP = topP, MinP = minP, Seed = (ulong)i },
            };
            var output = model.Tokens(prompt, options);
            counts[(output[0] * 6) + output[1]]++;
        }

        // Chi-square over all cells that can occur, against the 99.99 % quantile (Wilson-Hilferty).
        var (statistic, freedom) = (0.0, -1);
        for (var cell = 0; cell < 36; cell++)
        {
            if (expected[cell] == 0)
            {
                Assert.Equal(0, counts[cell]);
                continue;
            }

            statistic += Math.Pow(counts[cell] - (expected[cell] * samples), 2) / (expected[cell] * samples);
            freedom++;
        }

        Assert.True(freedom > 3, "the distribution is too narrow to test");
        var limit = freedom * Math.Pow(1 - (2.0 / (9 * freedom)) + (3.719 * Math.Sqrt(2.0 / (9 * freedom))), 3);
        Assert.True(statistic < limit, $"chi-square {statistic:F1} with {freedom} degrees of freedom, limit {limit:F1}");
    }

    [Fact]
    public void The_draft_really_differs_from_the_full_model_in_that_test()
    {
        using var model = Models.Random(s_config, seed: 8);
        var options = new DecodingOptions
        {
            Mode = DecodingMode.SelfSpeculative, ExitLayer = 1, NumSpeculations = 3, MaxNewTokens = 60, Sampling = new() { Temperature = 1, Seed = 1 },
        };
        using var generation = model.Decode([1, 2, 3], options);
        Assert.InRange(generation.Statistics.AcceptanceRate, 0.1, 0.95);
    }

    [Fact]
    public void A_seed_repeats_its_output_and_all_64_bits_count()
    {
        using var model = Models.Random(TinyCheckpoint.DefaultConfig);
        int[] Run(ulong seed) => model.Tokens([1], Models.Speculative(2, 3, 40) with { Sampling = new() { Temperature = 1.5f, Seed = seed } });
        Assert.Equal(Run(5), Run(5));
        Assert.NotEqual(Run(5), Run(6));
        Assert.NotEqual(Run(5), Run(5 + (1UL << 63)));
    }

    [Theory]
    [InlineData(new[] { 0.5f, 0.5f, 0f }, new[] { 0f, 0.5f, 0.5f }, 1 / 3.0)] // disjoint but for one: (1 - TV) / (1 + TV)
    [InlineData(new[] { 1f, 0f, 0f }, new[] { 0.7f, 0.2f, 0.1f }, 0.7)] // a copied token: 1 - TV
    [InlineData(new[] { 0.6f, 0.4f, 0f }, new[] { 0.4f, 0.6f, 0f }, (1 / (1 + 1.5)) + (1 / (1 + 1.5)))] // each token: 1 / sum of max(p' / p, q' / q)
    public void A_race_draws_the_same_of_two_distributions_as_often_as_is_documented(float[] draft, float[] full, double expected)
    {
        const int Draws = 40_000;
        var race = new ExponentialRace(3);
        var same = Enumerable.Range(0, Draws).Count(position => race.Winner(draft, position) == race.Winner(full, position));
        Assert.InRange(same / (double)Draws, expected - 0.01, expected + 0.01);
    }

    [Fact]
    public void Temperature_zero_is_arg_max()
    {
        float[] logits = [1, 3, 3, 2];
        new Distribution(new() { Temperature = 0, TopK = 2, TopP = 0.5f }).TryFromLogits(logits);
        Assert.Equal([0f, 1f, 0f, 0f], logits);
    }

    [Theory]
    [InlineData(1f, 0, 1f)]
    [InlineData(0.5f, 3, 1f)]
    [InlineData(2f, 0, 0.7f)]
    [InlineData(1f, 5, 0.5f)]
    [InlineData(1f, 5000, 0.999f)]
    [InlineData(1f, 1, 1f)]
    public void Distribution_equals_its_definition(float temperature, int topK, float topP)
    {
        var random = new Random(6);
        foreach (var size in (int[])[1, 2, 9, 100, 4000])
        {
            var logits = Enumerable.Range(0, size).Select(_ => (float)((random.NextDouble() - 0.5) * 12)).ToArray();
            var expected = Reference(logits, temperature, topK, topP);
            var actual = logits.ToArray();
            new Distribution(new() { Temperature = temperature, TopK = topK, TopP = topP }).TryFromLogits(actual);
            for (var i = 0; i < size; i++)
            {
                Assert.Equal(expected[i], actual[i], 1e-5);
            }
        }
    }

    [Theory]
    [InlineData(0, 0.9f)]
    [InlineData(0, 0.9999f)]
    [InlineData(7, 1f)]
    [InlineData(1500, 0.95f)]
    public void Top_p_and_top_k_rescale_the_same_probabilities_to_the_last_bit(int topK, float topP)
    {
        var random = new Random(9);
        foreach (var size in (int[])[1, 7, 8, 9, 31, 1023, 6003])
        {
            // Some are equal, and what comes later is likelier, so that the candidates are cut again and again.
            var logits = Enumerable.Range(0, size).Select(i => (random.Next(40) / 10f) + (4f * i / size)).ToArray();
            var all = logits.ToArray();
            var kept = logits.ToArray();
            new Distribution(new() { Temperature = 0.7f }).TryFromLogits(all);
            new Distribution(new() { Temperature = 0.7f, TopK = topK, TopP = topP }).TryFromLogits(kept);

            int[] order = [.. Enumerable.Range(0, size).OrderByDescending(id => all[id]).ThenBy(static id => id).Take(topK > 0 ? topK : size)];
            var mass = topK > 0 ? order.Reverse().Aggregate(0.0, (sum, id) => sum + all[id]) : 1;
            var (sum, count) = (0.0, 0);
            while (count < order.Length && sum < topP * mass)
            {
                sum += all[order[count++]];
            }

            var expected = new float[size];
            foreach (var id in order[..count])
            {
                expected[id] = (float)(all[id] / sum);
            }

            Assert.Equal(expected.Select(BitConverter.SingleToInt32Bits), kept.Select(BitConverter.SingleToInt32Bits));
        }
    }

    [Fact]
    public void Min_p_keeps_what_is_likely_beside_the_likeliest()
    {
        var random = new Random(3);
        for (var round = 0; round < 100; round++)
        {
            var size = random.Next(1, 40);
            var logits = Enumerable.Range(0, size).Select(_ => (float)(random.NextDouble() * 6)).ToArray();
            var minP = (float)random.NextDouble();
            var all = logits.ToArray();
            var kept = logits.ToArray();
            new Distribution(new() { Temperature = 1, TopP = 0.95f }).TryFromLogits(all);
            new Distribution(new() { Temperature = 1, TopP = 0.95f, MinP = minP }).TryFromLogits(kept);
            var least = minP * all.Max();
            var mass = all.Where(p => p >= least).Sum();
            Assert.Equal(all.Select(p => p >= least ? p / mass : 0), kept, (x, y) => Math.Abs(x - y) < 1e-5);
        }

        Assert.Throws<ArgumentOutOfRangeException>(nameof(SamplingOptions.MinP), () => new SamplingOptions { MinP = 1.1f }.Validate());
        Assert.Throws<ArgumentOutOfRangeException>(nameof(SamplingOptions.MinP), () => new SamplingOptions { MinP = float.NaN }.Validate());
    }

    [Fact]
    public void The_smallest_temperatures_are_greedy()
    {
        float[] logits = [1, 3, 2];
        Assert.True(new Distribution(new() { Temperature = 1e-40f }).TryFromLogits(logits));
        Assert.Equal([0f, 1f, 0f], logits);
    }

    [Fact]
    public void Banned_tokens_get_nothing_and_banning_all_is_an_error()
    {
        float[] logits = [1, float.NegativeInfinity, 2, float.NaN, 0, 0, 0, 0, 0, float.NegativeInfinity];
        var distribution = new Distribution(new() { Temperature = 1 });
        distribution.TryFromLogits(logits);
        Assert.Equal([0f, 0f, 0f], [logits[1], logits[3], logits[9]]);
        Assert.Equal(1, logits.Sum(), 1e-5f);
        Assert.False(distribution.TryFromLogits([float.NegativeInfinity, float.NaN]));
    }

    [Fact]
    public void Each_token_wins_its_races_as_often_as_it_weighs()
    {
        const int Races = 60_000;
        float[] weights = [0.05f, 0, 0.4f, 0.05f, 0.1f, 0, 0.4f];
        foreach (var byPosition in (bool[])[true, false])
        {
            var wins = new int[weights.Length];
            for (var i = 0; i < Races; i++)
            {
                wins[byPosition ? new ExponentialRace(7).Winner(weights, i) : new ExponentialRace((ulong)i).Winner(weights, 7)]++;
            }

            // Chi-square with 4 degrees of freedom: 23.5 is the 99.99 % quantile.
            var expected = weights.Select(weight => Races * (double)weight / weights.Sum()).ToArray();
            Assert.Equal([0, 0], [wins[1], wins[5]]);
            Assert.InRange(expected.Zip(wins).Where(pair => pair.First > 0).Sum(pair => Math.Pow(pair.Second - pair.First, 2) / pair.First), 0, 23.5);
        }
    }

    [Fact]
    public void Close_distributions_mostly_have_the_same_winner()
    {
        float[] full = [0.5f, 0.3f, 0.15f, 0.05f];
        float[] draft = [0.45f, 0.3f, 0.15f, 0.1f];
        var same = Enumerable.Range(0, 10_000).Count(position =>
            new ExponentialRace(3).Winner(full, position) == new ExponentialRace(3).Winner(draft, position));

        // Their total variation is 0.05: no way of drawing both can agree in more than 95 %, and this one agrees in 90.5 % at least.
        Assert.InRange(same, 9_000, 9_550);
    }

    [Theory]
    [InlineData(1f, 0, 1f)]
    [InlineData(0.7f, 20, 0.9f)]
    public void A_seed_gives_the_same_tokens_however_they_are_drafted(float temperature, int topK, float topP)
    {
        var random = new Random(18);
        for (var round = 0; round < TestedDevice.Many(6, few: 2); round++)
        {
            var config = Models.RandomConfig(random);
            using var model = Models.Random(config, (ulong)round);
            int[] prompt = [.. Enumerable.Range(0, random.Next(1, 12)).Select(_ => random.Next(config.VocabularySize))];
            var sampling = new SamplingOptions { Temperature = temperature, TopK = topK, TopP = topP, Seed = (ulong)random.NextInt64() };
            var length = TestedDevice.Many(60, few: 25);
            var expected = model.Tokens(prompt, Models.Autoregressive(length) with { Sampling = sampling });
            for (var exitLayer = 1; exitLayer < config.Layers; exitLayer++)
            {
                Assert.Equal(expected, model.Tokens(prompt, Models.Speculative(exitLayer, random.Next(1, 9), length) with { Sampling = sampling }));
            }
        }
    }

    /// <summary>Probability of each pair of next tokens, from the full model's distributions.</summary>
    private static double[] ExactPairs(IDeviceModel model, int[] prompt, SamplingOptions sampling)
    {
        var pairs = new double[36];
        var first = Next(model, prompt, sampling);
        for (var a = 0; a < 6; a++)
        {
            var second = Next(model, [.. prompt, a], sampling);
            for (var b = 0; b < 6; b++)
            {
                pairs[(a * 6) + b] = first[a] * second[b];
            }
        }

        return pairs;
    }

    private static double[] Next(IDeviceModel model, int[] tokens, SamplingOptions sampling)
    {
        using var cache = model.CreateCache();
        using var rows = model.CreateRows(tokens.Length);
        rows.Place(0, tokens.Length, cache, 0);
        model.Embed(rows, 0, tokens);
        model.RunLayers(rows, 0, tokens.Length, 0, model.Config.Layers);
        var logits = new float[6];
        model.Logits(rows, tokens.Length - 1, 1, logits);
        return Reference(logits, sampling.Temperature, sampling.TopK, sampling.TopP, sampling.MinP);
    }

    private static double[] Reference(float[] logits, float temperature, int topK, float topP, float minP = 0)
    {
        var order = Enumerable.Range(0, logits.Length).OrderByDescending(i => logits[i]).ThenBy(static i => i).ToArray();
        var kept = order.Take(topK == 0 ? logits.Length : topK).ToArray();
        var weights = kept.Select(i => Math.Exp((logits[i] - logits[order[0]]) / (double)temperature)).ToArray();
        var (total, sum, count) = (weights.Sum(), 0.0, 0);
        while (count < kept.Length && sum < topP * total)
        {
            sum += weights[count++];
        }

        count = weights.Take(count).Count(weight => weight >= minP);
        sum = weights.Take(count).Sum();
        var result = new double[logits.Length];
        for (var i = 0; i < count; i++)
        {
            result[kept[i]] = weights[i] / sum;
        }

        return result;
    }
}
