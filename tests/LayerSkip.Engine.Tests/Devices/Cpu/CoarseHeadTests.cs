using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Engine.Sampling;
using LayerSkip.Engine.Tests.Decoding;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Devices.Cpu;

/// <summary>Drafts of a large head guess by a copy of it in four bits, and nearly always what the head itself would.</summary>
public class CoarseHeadTests
{
    // More than 8 MiB of head in every format.
    private static readonly ModelConfig s_config = TinyCheckpoint.DefaultConfig with { VocabularySize = 180_000 };

    [Theory]
    [InlineData(WeightFormat.F32, WeightCompression.Never)]
    [InlineData(WeightFormat.F32, WeightCompression.Always)]
    [InlineData(WeightFormat.BF16, WeightCompression.Never)]
    [InlineData(WeightFormat.BF16, WeightCompression.Always)]
    [InlineData(WeightFormat.Int8, WeightCompression.Never)]
    public void Guesses_are_the_heads_but_for_few(WeightFormat format, WeightCompression compression)
    {
        foreach (var path in Enum.GetValues<SimdPath>())
        {
            using var model = Models.RandomOnCpu(s_config, format: format, path: path, threads: 2, compression: compression);
            var random = new Random(3);
            using var cache = model.CreateCache();
            using var rows = model.CreateRows(64);
            using var head = model.CreateDraftHead([1, 2, 3]);
            Assert.NotNull(head);
            rows.Place(0, 64, cache, 0);
            model.Embed(rows, 0, [.. Enumerable.Range(0, 64).Select(_ => random.Next(s_config.VocabularySize))]);
            model.RunLayers(rows, 0, 64, 0, 2, TestContext.Current.CancellationToken);
            var same = 0;
            var (logits, near) = (new float[s_config.VocabularySize], new float[s_config.VocabularySize]);
            for (var slot = 0; slot < 64; slot++)
            {
                if (slot % 16 == 0)
                {
                    // A random weight's rounding is a thirteenth of it, its deviation; of logits with one of 1.
                    model.Logits(rows, slot, 1, logits);
                    model.DraftLogits(rows, slot, near);
                    Assert.InRange(Math.Sqrt(logits.Zip(near).Average(static pair => Math.Pow(pair.First - pair.Second, 2))), 0.01, 0.12);
                    Assert.Equal(logits.Max(), near[Array.IndexOf(logits, logits.Max())]);
                }

                var (exact, guess) = (model.Guess(rows, slot, head: null), model.Guess(rows, slot, head));
                same += exact.Token == guess.Token ? 1 : 0;
                Assert.InRange(guess.Probability, 0.5f * exact.Probability, 2 * exact.Probability);
            }

            // The logits of random weights are as close to one another as can be: by four bits alone many a guess would be another.
            Assert.InRange(same, 60, 64);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Sequences_that_draft_together_draft_what_each_does_alone_and_write_what_they_would_without(float temperature)
    {
        using var model = Models.RandomOnCpu(s_config);
        var sampling = new SamplingOptions { Temperature = temperature, Seed = 5, TopK = 40 };
        var options = Models.Speculative(3, 5, 30) with { Sampling = sampling };
        var prompts = Enumerable.Range(0, 3).Select(i => new[] { 7 * i, 1, 2 }).ToArray();
        var plain = prompts.Select(prompt => Told(model.Decode(prompt, Models.Autoregressive(30) with { Sampling = sampling })).Tokens);
        var alone = prompts.Select(prompt => Told(model.Decode(prompt, options))).ToArray();
        var together = prompts.Select(prompt => new Generation(model, prompt, DecodingPlan.Create(options, model.Config, new()))).ToArray();
        Assert.InRange(SharedTurns.Run(model, together, static () => true), 1, int.MaxValue);
        Assert.Equal(alone, together.Select(Told));
        Assert.Equal(plain, alone.Select(static told => told.Tokens));

        static (string Tokens, int Accepted, int Drafted) Told(Generation generation)
        {
            using var ended = generation;
            return (string.Join(' ', ended.Output.ToArray()), ended.Statistics.Accepted, ended.Statistics.Drafted);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Guesses_do_not_depend_on_how_many_are_made_at_once(int threads)
    {
        using var model = Models.RandomOnCpu(s_config, format: WeightFormat.BF16, threads: threads);
        using var head = model.CreateDraftHead([1]);
        using var cache = model.CreateCache();
        var random = new Random(4);
        var rows = Enumerable.Range(0, model.SharedRows).Select(_ => model.CreateRows(1)).ToArray();
        var passes = rows.Select(row =>
        {
            row.Place(0, 1, cache, 0);
            model.Embed(row, 0, [random.Next(s_config.VocabularySize)]);
            return new RowPass(row, 0, 1, From: 0, To: 0, Unread: 0) { Guess = new TokenGuess[1], GuessHead = head };
        }).ToArray();
        model.RunPasses(passes);
        Assert.All(passes, pass => Assert.Equal(model.Guess(pass.Rows, 0, head), pass.Guess![0]));
        Array.ForEach(rows, static row => row.Dispose());
    }

    [Fact]
    public void A_small_head_has_none()
    {
        using var model = Models.RandomOnCpu(TinyCheckpoint.DefaultConfig);
        Assert.Null(model.CreateDraftHead([1]));
    }

    [Fact]
    public void A_draft_vocabulary_goes_before()
    {
        using var model = Models.RandomOnCpu(s_config, draftVocabulary: [1, 2]);
        var before = model.WeightBytes;
        using var head = model.CreateDraftHead([1]);
        Assert.NotNull(head);
        Assert.Equal(before, model.WeightBytes);
    }

    [Fact]
    public void It_is_made_for_the_first_guess_and_counted()
    {
        using var model = Models.RandomOnCpu(s_config, format: WeightFormat.BF16);
        var before = model.WeightBytes;
        model.Decode([1, 2], Models.Autoregressive(2)).Dispose();
        model.Decode([1, 2], Models.Speculative(2, 3, 10) with { DraftSource = DraftSource.Lookup }).Dispose();
        Assert.Equal(before, model.WeightBytes);
        model.Decode([1, 2], Models.Speculative(2, 3, 10)).Dispose();
        var after = model.WeightBytes;
        Assert.InRange(after - before, s_config.VocabularySize * (long)s_config.HiddenSize / 2, s_config.VocabularySize * (long)s_config.HiddenSize);
        model.Decode([1, 2], Models.Speculative(1, 3, 10)).Dispose();
        Assert.Equal(after, model.WeightBytes);
    }
}
