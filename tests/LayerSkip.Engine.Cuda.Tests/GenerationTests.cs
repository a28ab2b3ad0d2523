using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Cuda.Tests;

/// <summary>Decoding on the CUDA device: the CPU device's greedy tokens, in every mode and with every exit layer.</summary>
public class GenerationTests
{
    [Fact]
    public void Stories260K_decodes_to_the_tokens_of_the_CPU_with_every_exit_layer()
    {
        var (cuda, cpu, _) = CudaModels.Load(SharedData.Require("stories260K"));
        using (cuda)
        using (cpu)
        {
            int[] prompt = [1, 403, 407, 261, 378];
            var expected = cpu.Tokens(prompt, CudaModels.Autoregressive(24));
            Assert.Equal(expected, cuda.Tokens(prompt, CudaModels.Autoregressive(24)));
            for (var exit = 1; exit < cuda.Config.Layers; exit++)
            {
                Assert.Equal(expected, cuda.Tokens(prompt, CudaModels.Speculative(exit, 1 + (3 * exit % 8), 24)));
                var early = new DecodingOptions { Mode = DecodingMode.EarlyExit, ExitLayer = exit, MaxNewTokens = 16 };
                Assert.Equal(cpu.Tokens(prompt, early), cuda.Tokens(prompt, early));
            }
        }
    }

    [Fact]
    public void The_parser_decodes_to_the_tokens_of_the_CPU_with_every_exit_layer()
    {
        var directory = Path.Combine(SharedData.RepositoryRoot, "models", "topv2-parser");
        var (cuda, cpu, defaults) = CudaModels.Load(directory);
        using (cuda)
        using (cpu)
        {
            var tokenizer = Tokenizer.Load(directory, cuda.Config.VocabularySize);
            var prompt = tokenizer.Encode("call mom").ToArray();
            int[] stops = [.. defaults.EndOfSequenceIds];
            var expected = cpu.Tokens(prompt, CudaModels.Autoregressive(14), stops);
            Assert.Equal(expected, cuda.Tokens(prompt, CudaModels.Autoregressive(14), stops));
            for (var exit = 1; exit < cuda.Config.Layers; exit++)
            {
                Assert.Equal(expected, cuda.Tokens(prompt, CudaModels.Speculative(exit, 5, 14), stops));
            }
        }
    }

    [Fact]
    public void Rounds_as_a_whole_count_like_rounds_step_by_step()
    {
        var random = new Random(21);
        for (var round = 0; round < 6; round++)
        {
            var config = CudaModels.RandomConfig(random);
            var format = round % 2 == 0 ? WeightFormat.F32 : WeightFormat.BF16;
            int[]? vocabulary = round % 3 == 0 ? [.. Enumerable.Range(0, config.VocabularySize).Where(id => id % 3 == 0)] : null;
            using var cuda = CudaModels.Random(config, (ulong)round, format, vocabulary);
            using var steps = new Stepwise(cuda);
            var prompt = CudaModels.RandomTokens(random, config, random.Next(1, 30));
            var maxNewTokens = random.Next(1, 40);
            int[] stops = round % 3 == 0 ? [] : [random.Next(config.VocabularySize), random.Next(config.VocabularySize)];
            var plain = cuda.Tokens(prompt, CudaModels.Autoregressive(maxNewTokens), stops);
            for (var exit = 1; exit < config.Layers; exit++)
            {
                var options = CudaModels.Speculative(exit, random.Next(1, 20), maxNewTokens);
                using var expected = steps.Decode(prompt, options, stops);
                using var actual = cuda.Decode(prompt, options, stops);
                Assert.Equal(plain, actual.Output.ToArray());
                Assert.Equal(expected.Output.ToArray(), actual.Output.ToArray());
                Assert.Equal(expected.FinishReason, actual.FinishReason);
                Assert.Equal(Counts(expected.Statistics), Counts(actual.Statistics));
            }
        }
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(1f)]
    public void Guesses_are_judged_on_the_device_as_step_by_step(float temperature)
    {
        var random = new Random(23);
        var (ended, whole) = (0, 0);
        for (var round = 0; round < 6; round++)
        {
            var config = CudaModels.RandomConfig(random) with { VocabularySize = random.Next(5, 20) };
            int[]? vocabulary = round % 2 == 0 ? [.. Enumerable.Range(0, config.VocabularySize).Where(id => id % 2 == 0)] : null;
            using var cuda = CudaModels.Random(config, (ulong)round, draftVocabulary: vocabulary);
            using var steps = new Stepwise(cuda);
            var prompt = CudaModels.RandomTokens(random, config, random.Next(1, 30));
            var options = CudaModels.Speculative(random.Next(1, config.Layers), random.Next(2, 12), 30) with
            {
                Sampling = new() { Temperature = temperature, TopK = 10, Seed = (ulong)round },
                DraftController = round < 4 ? DraftController.Confidence : DraftController.Adaptive,
                DraftThreshold = round < 4 ? 0.15f + (0.2f * random.NextSingle()) : null,
                DraftSource = round == 0 ? DraftSource.Combined : DraftSource.Exit,
            };
            using var expected = steps.Decode(prompt, options);
            var captures = cuda.Context.Counters.Captures;
            using var actual = cuda.Decode(prompt, options);
            Assert.True(cuda.Context.Counters.Captures > captures);
            Assert.Equal(expected.Output.ToArray(), actual.Output.ToArray());
            Assert.Equal(Counts(expected.Statistics), Counts(actual.Statistics));
            Assert.Equal(expected.Statistics.DraftedPerRound, actual.Statistics.DraftedPerRound);
            ended += actual.Statistics.DraftedPerRound.Skip(1).SkipLast(1).Sum();
            whole += actual.Statistics.DraftedPerRound[^1];
        }

        Assert.True(ended > 20 && whole > 5, $"{ended} drafts ended early, {whole} were whole");
    }

    [Fact]
    public void Under_a_constraint_that_leaves_choices_to_the_model_rounds_run_whole_up_to_what_it_bans()
    {
        var tokenizer = Tokenizer.Load(Path.Combine(SharedData.RepositoryRoot, "models", "topv2-parser"));
        var random = new Random(25);
        var (whole, banned) = (0, 0);
        for (var round = 0; round < 8; round++)
        {
            var config = CudaModels.RandomConfig(random) with { VocabularySize = tokenizer.VocabularySize };
            using var cuda = CudaModels.Random(config, (ulong)round);
            using var steps = new Stepwise(cuda);
            var prompt = CudaModels.RandomTokens(random, config, random.Next(1, 20));
            int[] stops = [random.Next(config.VocabularySize)];
            var free = tokenizer.Decode(cuda.Tokens(prompt, CudaModels.Autoregressive(30), stops));

            // Any text without a letter of what it would write.
            var letter = free.Where(char.IsAsciiLetter).ElementAt(2 * round);
            var constraint = new TokenConstraint(new Grammar().TextWithout(letter.ToString()), tokenizer) { TakesCertainText = false };
            foreach (var options in new[] { CudaModels.Autoregressive(30), CudaModels.Speculative(random.Next(1, config.Layers), random.Next(1, 12), 30) })
            {
                using var expected = steps.Decode(prompt, options with { Constraint = constraint }, stops);
                var launches = cuda.Context.Counters.Graphs;
                using var actual = cuda.Decode(prompt, options with { Constraint = constraint }, stops);
                Assert.Equal(expected.Output.ToArray(), actual.Output.ToArray());
                Assert.Equal((expected.FinishReason, expected.CurtailedAt), (actual.FinishReason, actual.CurtailedAt));
                whole += cuda.Context.Counters.Graphs > launches ? 1 : 0;
                banned += actual.Statistics.Rounds > expected.Statistics.Rounds ? 1 : 0;
            }
        }

        Assert.Equal(16, whole);
        Assert.InRange(banned, 8, 16);
    }

    [Fact]
    public void A_model_that_runs_into_what_a_constraint_bans_again_and_again_is_asked_step_by_step()
    {
        var tokenizer = Tokenizer.Load(Path.Combine(SharedData.RepositoryRoot, "models", "topv2-parser"));
        var config = CudaModels.RandomConfig(new Random(26)) with { VocabularySize = tokenizer.VocabularySize };
        using var cuda = CudaModels.Random(config);
        var grammar = new Grammar();
        var options = CudaModels.Autoregressive(40) with { Constraint = new TokenConstraint(grammar.Repeat(grammar.Literal("na;"), 1), tokenizer) { TakesCertainText = false } };
        var graphs = cuda.Context.Counters.Graphs;

        using var generation = cuda.Decode([1, 2, 3], options);

        // After 1, 2, 4, 8 and 16 rounds each.
        Assert.InRange(generation.Output.Length, 36, 40);
        Assert.InRange(cuda.Context.Counters.Graphs - graphs, 3, 6);
    }

    private static (int, int, int, long) Counts(GenerationStatistics statistics) =>
        (statistics.Rounds, statistics.Drafted, statistics.Accepted, statistics.LayerPasses);
}
