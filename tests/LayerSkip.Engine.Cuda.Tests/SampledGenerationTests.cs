using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Engine.Sampling;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Cuda.Tests;

/// <summary>Sampled decoding on the CUDA device: a seed gives the CPU device's tokens, however they are drafted, and the full model's distribution.</summary>
public class SampledGenerationTests
{
    private static readonly SamplingOptions[] s_samplings =
    [
        new() { Temperature = 1 },
        new() { Temperature = 0.7f, TopK = 20, TopP = 0.9f },
        new() { Temperature = 1.3f, MinP = 0.05f },
        new() { Temperature = 1.1f, TopP = 0.8f, MinP = 0.02f },
        new() { Temperature = 1e-40f },
        new() { Temperature = 2, TopK = 1 },
    ];

    [Fact]
    public void Stories260K_draws_the_tokens_of_the_CPU_with_every_exit_layer()
    {
        var (cuda, cpu, _) = CudaModels.Load(SharedData.Require("stories260K"));
        using (cuda)
        using (cpu)
        {
            int[] prompt = [1, 403, 407, 261, 378];
            for (var exit = 1; exit < cuda.Config.Layers; exit++)
            {
                var sampling = s_samplings[exit % s_samplings.Length] with { Seed = (ulong)exit << 60 | 5 };
                var expected = cpu.Tokens(prompt, CudaModels.Autoregressive(20) with { Sampling = sampling });
                Assert.Equal(expected, cuda.Tokens(prompt, CudaModels.Autoregressive(20) with { Sampling = sampling }));
                Assert.Equal(expected, cuda.Tokens(prompt, CudaModels.Speculative(exit, 1 + (3 * exit % 8), 20) with { Sampling = sampling }));
                var early = new DecodingOptions { Mode = DecodingMode.EarlyExit, ExitLayer = exit, MaxNewTokens = 12, Sampling = sampling };
                Assert.Equal(cpu.Tokens(prompt, early), cuda.Tokens(prompt, early));
            }
        }
    }

    [Fact]
    public void The_parser_draws_the_tokens_of_the_CPU_with_every_exit_layer()
    {
        var directory = Path.Combine(SharedData.RepositoryRoot, "models", "topv2-parser");
        var (cuda, cpu, defaults) = CudaModels.Load(directory);
        using (cuda)
        using (cpu)
        {
            var tokenizer = Tokenization.Tokenizer.Load(directory, cuda.Config.VocabularySize);
            var prompt = tokenizer.Encode("call mom").ToArray();
            int[] stops = [.. defaults.EndOfSequenceIds];
            for (var exit = 1; exit < cuda.Config.Layers; exit++)
            {
                var sampling = s_samplings[exit % s_samplings.Length] with { Seed = (ulong)exit };
                var expected = cpu.Tokens(prompt, CudaModels.Autoregressive(10) with { Sampling = sampling }, stops);
                Assert.Equal(expected, cuda.Tokens(prompt, CudaModels.Speculative(exit, 4, 10) with { Sampling = sampling }, stops));
            }
        }
    }

    [Fact]
    public void Rounds_as_a_whole_draw_and_count_like_rounds_step_by_step()
    {
        var random = new Random(22);
        var drafted = 0;
        for (var round = 0; round < 6; round++)
        {
            var config = CudaModels.RandomConfig(random);
            using var cuda = CudaModels.Random(config, (ulong)round, round % 2 == 0 ? WeightFormat.F32 : WeightFormat.BF16);
            using var steps = new Stepwise(cuda);
            using var host = new Stepwise(cuda) { DrawsTokens = false };
            var prompt = CudaModels.RandomTokens(random, config, random.Next(1, 30));
            var maxNewTokens = random.Next(1, 40);
            var sampling = s_samplings[round] with { Seed = (ulong)random.NextInt64() };
            int[] stops = round % 3 == 0 ? [] : [random.Next(config.VocabularySize), random.Next(config.VocabularySize)];
            var plain = cuda.Tokens(prompt, CudaModels.Autoregressive(maxNewTokens) with { Sampling = sampling }, stops);
            Assert.Equal(plain, host.Tokens(prompt, CudaModels.Autoregressive(maxNewTokens) with { Sampling = sampling }, stops));
            for (var exit = 1; exit < config.Layers; exit++)
            {
                var options = CudaModels.Speculative(exit, random.Next(1, 20), maxNewTokens) with { Sampling = sampling };
                using var expected = steps.Decode(prompt, options, stops);
                using var actual = cuda.Decode(prompt, options, stops);
                Assert.Equal(plain, actual.Output.ToArray());
                Assert.Equal(expected.Output.ToArray(), actual.Output.ToArray());
                Assert.Equal(expected.FinishReason, actual.FinishReason);
                Assert.Equal(Counts(expected.Statistics), Counts(actual.Statistics));
                drafted += actual.Statistics.Drafted;
            }
        }

        Assert.True(drafted > 100);
    }

    [Fact]
    public void Rounds_that_copy_and_guesses_that_are_judged_draw_the_same_tokens()
    {
        var config = TinyCheckpoint.DefaultConfig with { VocabularySize = 12 };
        using var cuda = CudaModels.Random(config);
        int[] prompt = [1, 2, 3, 1, 2, 3, 1];
        var sampling = s_samplings[1] with { Seed = 3 };
        var expected = cuda.Tokens(prompt, CudaModels.Autoregressive(40) with { Sampling = sampling });
        foreach (var source in Enum.GetValues<DraftSource>())
        {
            foreach (var controller in Enum.GetValues<DraftController>())
            {
                var options = CudaModels.Speculative(2, 5, 40) with { Sampling = sampling, DraftSource = source, DraftController = controller };
                Assert.Equal(expected, cuda.Tokens(prompt, options));
            }
        }

        var logged = cuda.Tokens(prompt, CudaModels.Speculative(1, 3, 40) with { Sampling = sampling, TopLogProbabilities = 2 });
        Assert.Equal(expected, logged);
    }

    [Fact]
    public void Sequences_that_take_turns_draw_what_they_draw_alone()
    {
        using var cuda = CudaModels.Random(TinyCheckpoint.DefaultConfig);
        DecodingOptions[] requests =
        [
            CudaModels.Speculative(1, 3, 30) with { Sampling = s_samplings[0] with { Seed = 1 } },
            CudaModels.Speculative(1, 3, 30) with { Sampling = s_samplings[1] with { Seed = ulong.MaxValue } },
            CudaModels.Speculative(1, 3, 30),
            CudaModels.Autoregressive(30) with { Sampling = s_samplings[2] with { Seed = 1 } },
        ];
        var alone = Array.ConvertAll(requests, options => cuda.Tokens([5, 6], options));
        var captures = cuda.Context.Counters.Captures;
        var generations = Array.ConvertAll(requests, options => new Generation(cuda, [5, 6], DecodingPlan.Create(options, cuda.Config, new())));
        for (var goesOn = true; goesOn;)
        {
            goesOn = false;
            foreach (var generation in generations)
            {
                goesOn |= generation.NextRound();
            }
        }

        Assert.Equal(alone, generations.Select(generation => generation.Output.ToArray()));
        Assert.Equal(captures, cuda.Context.Counters.Captures); // one for each shape, whatever is sampled
        Array.ForEach(generations, generation => generation.Dispose());
    }

    [Theory]
    [InlineData(3, 1f, 0, 1f)]
    [InlineData(1, 0.9f, 4, 0.95f)] // the second token is the bonus wherever the first was accepted
    public void Samples_have_the_full_models_distribution(int length, float temperature, int topK, float topP)
    {
        const int Tokens = 5, Samples = 1000;
        var config = TinyCheckpoint.DefaultConfig with
        {
            Layers = 2, VocabularySize = Tokens, HiddenSize = 16, IntermediateSize = 16, AttentionHeads = 1, KeyValueHeads = 1, HeadDimension = 16,
        };
        using var cuda = CudaModels.Random(config, seed: 8);
        using var cpu = CudaModels.RandomOnCpu(config, seed: 8);
        var sampling = new SamplingOptions { Temperature = temperature, TopK = topK, TopP = topP };
        var expected = new double[Tokens * Tokens];
        var first = Next(cpu, [1, 2], sampling);
        for (var cell = 0; cell < expected.Length; cell++)
        {
            expected[cell] = first[cell / Tokens] == 0 ? 0 : (double)first[cell / Tokens] * Next(cpu, [1, 2, cell / Tokens], sampling)[cell % Tokens];
        }

        var counts = new int[expected.Length];
        var (drafted, accepted) = (0, 0);
        for (var sample = 0; sample < Samples; sample++)
        {
            using var generation = cuda.Decode([1, 2], CudaModels.Speculative(1, length, 3) with { Sampling = sampling with { Seed = (ulong)sample } });
            counts[(generation.Output[0] * Tokens) + generation.Output[1]]++;
            drafted += generation.Statistics.Drafted;
            accepted += generation.Statistics.Accepted;
        }

        // Chi-square over all cells that can occur, against the 99.99 % quantile (Wilson-Hilferty).
        var (statistic, freedom) = (0.0, -1);
        for (var cell = 0; cell < counts.Length; cell++)
        {
            if (expected[cell] == 0)
            {
                Assert.Equal(0, counts[cell]);
                continue;
            }

            statistic += Math.Pow(counts[cell] - (expected[cell] * Samples), 2) / (expected[cell] * Samples);
            freedom++;
        }

        Assert.True(freedom > 3, "the distribution is too narrow to test");
        Assert.InRange((double)accepted / drafted, 0.1, 0.95);
        Assert.InRange(statistic, 0, freedom * Math.Pow(1 - (2.0 / (9 * freedom)) + (3.719 * Math.Sqrt(2.0 / (9 * freedom))), 3));
    }

    /// <summary>Probabilities of the next token.</summary>
    private static float[] Next(CpuModel model, int[] tokens, SamplingOptions sampling)
    {
        using var cache = model.CreateCache();
        using var rows = model.CreateRows(tokens.Length);
        rows.Place(0, tokens.Length, cache, 0);
        model.Embed(rows, 0, tokens);
        model.RunLayers(rows, 0, tokens.Length, 0, model.Config.Layers);
        var probabilities = new float[model.Config.VocabularySize];
        model.Logits(rows, tokens.Length - 1, 1, probabilities);
        Assert.True(new Distribution(sampling).TryFromLogits(probabilities));
        return probabilities;
    }

    private static (int, int, int, long) Counts(GenerationStatistics statistics) =>
        (statistics.Rounds, statistics.Drafted, statistics.Accepted, statistics.LayerPasses);
}
