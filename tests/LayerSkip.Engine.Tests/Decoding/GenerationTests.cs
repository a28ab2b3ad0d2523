using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Decoding.Drafting;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Sampling;
using LayerSkip.Engine.Tests.Devices;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Decoding;

/// <summary>Steady state allocates nothing (I6); failure leaves the engine usable (I7).</summary>
public class GenerationTests
{
    [Theory]
    [InlineData(DecodingMode.Autoregressive, 0f)]
    [InlineData(DecodingMode.SelfSpeculative, 0f)]
    [InlineData(DecodingMode.EarlyExit, 0f)]
    [InlineData(DecodingMode.Autoregressive, 0.8f)]
    [InlineData(DecodingMode.SelfSpeculative, 0.8f)]
    [InlineData(DecodingMode.Autoregressive, 0f, WeightFormat.Int8)]
    [InlineData(DecodingMode.SelfSpeculative, 0f, WeightFormat.Int8)]
    [InlineData(DecodingMode.Autoregressive, 0f, WeightFormat.Int4)]
    [InlineData(DecodingMode.SelfSpeculative, 0f, WeightFormat.Int4)]
    public void Decoding_allocates_nothing_once_warm(DecodingMode mode, float temperature, WeightFormat format = WeightFormat.F32)
    {
        var config = TinyCheckpoint.DefaultConfig with { MaxPositions = 640 };
        using var model = Models.Random(config, format: format, threads: 2);
        var options = new DecodingOptions
        {
            Mode = mode,
            ExitLayer = 2,
            NumSpeculations = 4,
            MaxNewTokens = TestedDevice.Many(600, few: 70),
            Sampling = new() { Temperature = temperature, TopK = 20, TopP = 0.9f, Seed = 4 },
        };
        var plan = DecodingPlan.Create(options, config, new());
        using (var first = model.Decode([1, 2, 3], options))
        {
            // The model's scratch memory has now grown to what this context needs.
        }

        using var generation = new Generation(model, [1, 2, 3], plan);
        while (generation.Output.Length < TestedDevice.Many(200, few: 15))
        {
            generation.NextRound();
        }

        var length = generation.Output.Length;
        Assert.Equal(0, Allocations.Least(() =>
        {
            length += TestedDevice.Many(50, few: 12);
            while (generation.Output.Length < length)
            {
                generation.NextRound();
            }
        }));
    }

    [Fact]
    public void Sampling_allocates_nothing_for_drafts_longer_than_any_before()
    {
        var config = TinyCheckpoint.DefaultConfig with { MaxPositions = 640 };
        using var model = Models.Random(config);
        var options = Models.Speculative(2, 20, 600) with { Sampling = new() { Temperature = 0.8f, TopP = 0.9f, Seed = 4 }, TopLogProbabilities = 2 };
        model.Tokens([1, 2, 3], options with { MaxNewTokens = TestedDevice.Many(100, few: 25) });
        using var cache = model.CreateCache();
        cache.Reserve(640);
        using var generation = new Generation(model, [1, 2, 3], DecodingPlan.Create(options, config, new()), new Growing());
        cache.Continue(config.Layers, 0);
        generation.Continue(cache);
        generation.NextRound();
        Assert.Equal(0, Allocations.Least(() =>
        {
            for (var round = 0; round < 4; round++)
            {
                generation.NextRound();
            }
        }));
    }

    [Fact]
    public void A_sampled_generation_takes_its_room_for_logits_from_those_before()
    {
        var config = TinyCheckpoint.DefaultConfig with { VocabularySize = 60_000, HiddenSize = 8, Layers = 2, AttentionHeads = 1, KeyValueHeads = 1 };
        using var model = Models.Random(config);
        var options = Models.Speculative(1, 4, 6) with { Sampling = new() { Temperature = 1, TopP = 0.9f, Seed = 4 }, TopLogProbabilities = 2 };
        model.Tokens([1, 2, 3], options);

        // Less than the logits of one row.
        Assert.InRange(Allocations.Least(() => model.Tokens([1, 2, 3], options)), 0, config.VocabularySize * sizeof(float) / 4);
    }

    [Fact]
    public void Cancellation_leaves_the_generation_where_the_round_began()
    {
        var config = TinyCheckpoint.DefaultConfig;
        using var model = Models.Random(config);
        var expected = model.Tokens([1, 2, 3], Models.Autoregressive(30));
        using var generation = new Generation(model, [1, 2, 3], DecodingPlan.Create(Models.Speculative(2, 4, 30), config, new()));
        while (generation.FinishReason == FinishReason.None)
        {
            var before = generation.Output.Length;
            Assert.ThrowsAny<OperationCanceledException>(() => generation.NextRound(new CancellationToken(canceled: true)));
            Assert.Equal(before, generation.Output.Length);
            generation.NextRound();
        }

        Assert.Equal(expected, generation.Output.ToArray());
    }

    [Theory]
    [InlineData(DraftWeights.Exact)]
    [InlineData(DraftWeights.Int4)]
    public void A_logits_processor_that_throws_loses_nothing(DraftWeights weights)
    {
        var config = TinyCheckpoint.DefaultConfig;
        using var model = Models.Random(config);
        var processor = new Fragile();
        var options = Models.Speculative(2, 4, 30) with { LogitsProcessors = [processor], DraftWeights = weights };
        using var generation = new Generation(model, [1, 2, 3], DecodingPlan.Create(options, config, new()));
        var failures = 0;
        while (generation.FinishReason == FinishReason.None)
        {
            try
            {
                generation.NextRound();
            }
            catch (FormatException)
            {
                failures++;
            }
        }

        Assert.True(failures > 5);
        Assert.Equal(model.Tokens([1, 2, 3], Models.Autoregressive(30)), generation.Output.ToArray());
    }

    [Fact]
    public void Processors_see_the_whole_context_and_rule_draft_and_full_model_alike()
    {
        var config = TinyCheckpoint.DefaultConfig;
        using var model = Models.Random(config, seed: 9);
        var expected = model.Tokens([4, 5, 6], Models.Autoregressive(40) with { LogitsProcessors = [new NoRepeats()] });
        Assert.Equal(expected.Length, expected.Distinct().Count());
        for (var d = 1; d <= 6; d++)
        {
            using var speculative = model.Decode([4, 5, 6], Models.Speculative(2, d, 40) with { LogitsProcessors = [new NoRepeats()] });
            Assert.Equal(expected, speculative.Output.ToArray());
        }
    }

    [Fact]
    public void A_dead_end_in_the_draft_ends_the_draft_alone()
    {
        var config = TinyCheckpoint.DefaultConfig;
        using var model = Models.Random(config, seed: 9);
        var expected = model.Tokens([4, 5, 6], Models.Autoregressive(40));

        // A token that the first layer drafts but the full model never chooses: after it nothing may follow.
        using var free = model.Decode([4, 5, 6], Models.Speculative(1, 3, 40));
        var deadEnds = Enumerable.Range(0, config.VocabularySize).Except(expected).Except([4, 5, 6]).ToHashSet();
        Assert.True(free.Statistics.Accepted < free.Statistics.Drafted);
        var options = Models.Speculative(1, 3, 40) with { LogitsProcessors = [new DeadEnds(deadEnds)] };
        Assert.Equal(expected, model.Tokens([4, 5, 6], options));
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(1f)]
    public void Cancellation_anywhere_in_a_round_changes_nothing(float temperature)
    {
        var config = TinyCheckpoint.DefaultConfig;
        using var model = Models.Random(config, seed: 9);
        var sampling = Models.Speculative(2, 3, 30) with { Sampling = new() { Temperature = temperature, Seed = 3 } };
        var expected = model.Tokens([4, 5, 6], sampling);
        var cancelled = 0;
        for (var at = 1; at < 12; at++)
        {
            var canceller = new Canceller(at);
            var options = sampling with { LogitsProcessors = [canceller] };
            using var generation = new Generation(model, [4, 5, 6], DecodingPlan.Create(options, config, new()));
            while (generation.FinishReason == FinishReason.None)
            {
                using var source = new CancellationTokenSource();
                canceller.Source = source;
                try
                {
                    generation.NextRound(source.Token);
                }
                catch (OperationCanceledException)
                {
                    cancelled++;
                }
            }

            Assert.Equal(expected, generation.Output.ToArray());
        }

        // Some calls are a round's last, with no layer left to be cancelled.
        Assert.InRange(cancelled, 5, 11);
    }

    [Fact]
    public void Accepted_tokens_are_known_of_every_beginning_of_the_output()
    {
        using var model = Models.Random(TinyCheckpoint.DefaultConfig);
        using var generation = new Generation(model, [1, 2, 3], DecodingPlan.Create(Models.Speculative(3, 4, 60), model.Config, new()));
        var expected = new List<int> { 0 };
        while (generation.NextRound())
        {
            for (var i = 0; i < generation.RoundTokens.Length; i++)
            {
                expected.Add(expected[^1] + (i < generation.RoundAccepted ? 1 : 0));
            }
        }

        Assert.Equal(expected, Enumerable.Range(0, expected.Count).Select(generation.CountAccepted));
        Assert.Equal(generation.Statistics.Accepted, expected[^1]);
        Assert.InRange(expected[^1], 5, generation.Output.Length - 5);
    }

    [Fact]
    public void Damaged_weights_and_banned_tokens_are_told_apart()
    {
        using var checkpoint = TinyCheckpoint.Write(TinyCheckpoint.DefaultConfig with { TiedEmbeddings = true });
        checkpoint.Damage(checkpoint.Config.HiddenSize);
        using var damaged = Checkpoint.Open(checkpoint.Directory);
        using var broken = LayerSkipModel.FromWeights("broken", damaged.Config, damaged.Weights, options: TestedDevice.Options(1));
        using var sound = Models.Random(TinyCheckpoint.DefaultConfig);
        DecodingOptions[] all =
        [
            Models.Autoregressive(5),
            Models.Speculative(2, 3, 5),
            Models.Speculative(2, 3, 5) with { Sampling = new() { Temperature = 1 } },
            Models.Speculative(2, 3, 5) with { LogitsProcessors = [new DeadEnds([3])] },
        ];
        foreach (var options in all)
        {
            using var generation = broken.Generate([1, 2, 3], options);
            var error = Assert.Throws<CheckpointException>(() => generation.NextRound());
            Assert.Equal("broken: every logit is NaN, expected finite numbers: the weights are damaged", error.Message);
        }

        Assert.Throws<InvalidOperationException>(() => sound.Decode([1, 2, 3], all[^1]));
    }

    [Fact]
    public void Disposal_returns_the_cache_and_ends_the_generation()
    {
        using var model = Models.Random(TinyCheckpoint.DefaultConfig);
        var generation = new Generation(model, [1], DecodingPlan.Create(new(), model.Config, new()));
        generation.NextRound();
        Assert.True(model.KvBytes > 0);
        generation.Dispose();
        Assert.Equal(0, model.KvBytes);
        Assert.Throws<ObjectDisposedException>(() => generation.NextRound());
    }

    [Fact]
    public void A_generation_that_finds_no_memory_for_its_rows_leaves_nothing_behind()
    {
        var config = TinyCheckpoint.DefaultConfig;
        using var model = new WatchedDevice(Models.Random(config, draftVocabulary: [1, 2, 3]));
        model.CreatingRows = () => throw new InsufficientMemoryException("none left");
        var plan = DecodingPlan.Create(Models.Speculative(2, 3, 10), config, new());
        Assert.Throws<InsufficientMemoryException>(() => new Generation(model, [4, 5], plan));
        Assert.True(model.DraftHead!.IsDisposed);

        model.CreatingRows = null;
        using (var generation = new Generation(model, [4, 5], plan))
        {
            generation.NextRound();
            Assert.False(model.DraftHead.IsDisposed);
        }

        Assert.True(model.DraftHead.IsDisposed);
    }

    [Fact]
    public void What_rounds_cost_is_kept_however_a_request_ends()
    {
        var config = TinyCheckpoint.DefaultConfig;
        using var model = Models.Random(config);
        var book = new StepCostBook(model);
        var plan = DecodingPlan.Create(new() { Mode = DecodingMode.SelfSpeculative, DraftController = DraftController.Auto, MaxNewTokens = 200 }, config, new());

        // One that computes nothing has nothing to tell.
        new Generation(model, [1, 2, 3], plan, costBook: book).Dispose();
        Assert.Equal(1, book.Begin(choosesBest: true, hasDraftHead: false, DraftWeights.Exact).Layer(1));
        using (var cancelled = new Generation(model, [1, 2, 3], plan, costBook: book))
        {
            for (var round = 0; round < 12; round++)
            {
                cancelled.NextRound();
            }

            Assert.Equal(FinishReason.None, cancelled.FinishReason);
        }

        // In ticks, no more in layers.
        var costs = book.Begin(choosesBest: true, hasDraftHead: false, DraftWeights.Exact);
        Assert.NotEqual(1, costs.Layer(1));
        Assert.False(costs.HasMeasured);
    }

    /// <summary>Where nothing is drafted nothing else tells: a controller that believes guesses to be dear would never learn better.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void What_a_guess_costs_is_learnt_of_a_survey_in_whatever_round(int at)
    {
        var config = TinyCheckpoint.DefaultConfig;
        using var model = Models.Random(config);
        var book = new StepCostBook(model);
        var assumed = book.Begin(choosesBest: true, hasDraftHead: false, DraftWeights.Exact);
        var plan = DecodingPlan.Create(new() { Mode = DecodingMode.SelfSpeculative, DraftController = DraftController.Auto, MaxNewTokens = 12 }, config, new());
        using (var generation = new Generation(model, [1, 2, 3], plan, new SurveyAt(at), book))
        {
            while (generation.NextRound())
            {
            }
        }

        var costs = book.Begin(choosesBest: true, hasDraftHead: false, DraftWeights.Exact);
        Assert.NotEqual(costs.Layer(1) * assumed.Guess / assumed.Layer(1), costs.Guess, tolerance: 1e-6);
    }

    [Fact]
    public void Generations_on_several_threads_keep_to_themselves()
    {
        var config = TinyCheckpoint.DefaultConfig;
        using var model = Models.Random(config, threads: 2);
        var length = TestedDevice.Many(60, few: 20);
        var expected = Enumerable.Range(0, 8).Select(i => model.Tokens([i, i + 1], Models.Autoregressive(length))).ToArray();
        var actual = new int[8][];
        Parallel.For(0, 8, i => actual[i] = model.Tokens([i, i + 1], Models.Speculative(1 + (i % 3), 1 + i, length)));
        Assert.Equal(expected, actual);
        Assert.Equal(0, model.KvBytes);
    }

    [Fact]
    public void A_generation_goes_on_from_another_as_far_as_tokens_and_layers_are_the_same()
    {
        var config = TinyCheckpoint.DefaultConfig;
        using var model = Models.Random(config, threads: 2);
        using var full = model.Decode([1, 2, 3, 4], Models.Speculative(2, 3, 20));
        int[] prompt = [1, 2, 3, 4, .. full.Output[..9], 5, 6];
        var early = new DecodingOptions { Mode = DecodingMode.EarlyExit, ExitLayer = 2, MaxNewTokens = 20 };
        foreach (var (options, before, expected) in (ReadOnlySpan<(DecodingOptions, Generation, int)>)[(early, full, 13), (early, full, 0)])
        {
            using var generation = new Generation(model, prompt, DecodingPlan.Create(options, config, new()));
            generation.Continue(before);
            while (generation.NextRound())
            {
            }

            Assert.Equal(expected, generation.Statistics.CachedTokens);
            Assert.Equal(model.Tokens(prompt, options), generation.Output.ToArray());

            // Full depth finds the layers that the early exit left as they were.
            using var deeper = new Generation(model, prompt, DecodingPlan.Create(Models.Autoregressive(20), config, new()));
            deeper.Continue(generation);
            while (deeper.NextRound())
            {
            }

            Assert.Equal(expected, deeper.Statistics.CachedTokens);
            Assert.Equal(model.Tokens(prompt, Models.Autoregressive(20)), deeper.Output.ToArray());
        }
    }

    [Fact]
    public void A_generation_goes_on_from_where_another_has_come_in_the_midst_of_its_prompt()
    {
        var config = TinyCheckpoint.DefaultConfig with { MaxPositions = 2000 };
        using var model = Models.Random(config, threads: 2);
        int[] prompt = [.. Enumerable.Range(0, 800).Select(i => i * 7 % 97)];
        var options = Models.Speculative(2, 3, 10);
        using var further = model.Decode([.. prompt[..700], 1, 2, 3], Models.Autoregressive(1));
        using var generation = new Generation(model, prompt, DecodingPlan.Create(options, config, new()));
        generation.NextRound();
        generation.Continue(further.Cache, 700);
        Assert.Equal((700 - 256, 100), (generation.Statistics.CachedTokens, generation.NextRows));
        while (generation.NextRound())
        {
        }

        Assert.Equal(700 - 256, generation.Statistics.CachedTokens);
        Assert.Equal(model.Tokens(prompt, options), generation.Output.ToArray());
    }

    [Fact]
    public void What_a_generation_has_computed_itself_is_not_counted_as_cached()
    {
        var config = TinyCheckpoint.DefaultConfig with { MaxPositions = 2000 };
        using var model = Models.Random(config, threads: 2);
        int[] prompt = [.. Enumerable.Range(0, 800).Select(i => i * 7 % 97)];
        var plan = DecodingPlan.Create(Models.Autoregressive(10), config, new());
        using var earlier = new Generation(model, prompt.AsSpan(0, 100), plan);
        earlier.NextRound();
        using var generation = new Generation(model, prompt, plan);
        generation.Continue(earlier);
        Assert.Equal(100, generation.Statistics.CachedTokens);
        generation.NextRound();

        // It loses its cache and gets it back, then the first part of it, then nothing.
        var own = generation.TakeCache()!;
        Assert.Equal(356, own.Length);
        generation.Continue(own);
        Assert.Equal(100, generation.Statistics.CachedTokens);
        generation.TakeCache();
        own.Continue(config.Layers, 60);
        generation.Continue(own);
        Assert.Equal(60, generation.Statistics.CachedTokens);
        generation.TakeCache()!.Dispose();
        while (generation.NextRound())
        {
        }

        Assert.Equal(0, generation.Statistics.CachedTokens);
        Assert.Equal(model.Tokens(prompt, Models.Autoregressive(10)), generation.Output.ToArray());
    }

    /// <summary>Each draft is longer by one than the one before.</summary>
    private sealed class Growing : IDraftController
    {
        private int _length;

        public DraftPlan Next(in LookupMatch match, int inputs) => new(2, ++_length);
    }

    /// <summary>Asks an exit once, and drafts nothing.</summary>
    private sealed class SurveyAt(int at) : IDraftController
    {
        private int _round;

        public DraftPlan Next(in LookupMatch match, int inputs) => ++_round == at ? new(0, 0, [2], SurveyRows: 1) : DraftPlan.None;
    }

    private sealed class Fragile : ILogitsProcessor
    {
        private int _calls;

        public void Process(ReadOnlySpan<int> context, Span<float> logits)
        {
            if (++_calls % 7 == 0)
            {
                throw new FormatException("every seventh");
            }
        }
    }

    /// <summary>Cancels once, at its n-th call.</summary>
    private sealed class Canceller(int at) : ILogitsProcessor
    {
        private int _calls;

        public CancellationTokenSource? Source { get; set; }

        public void Process(ReadOnlySpan<int> context, Span<float> logits)
        {
            if (++_calls == at)
            {
                Source!.Cancel();
            }
        }
    }

    private sealed class DeadEnds(HashSet<int> tokens) : ILogitsProcessor
    {
        public void Process(ReadOnlySpan<int> context, Span<float> logits)
        {
            if (tokens.Contains(context[^1]))
            {
                logits.Fill(float.NegativeInfinity);
            }
        }
    }

    private sealed class NoRepeats : ILogitsProcessor
    {
        public void Process(ReadOnlySpan<int> context, Span<float> logits)
        {
            foreach (var token in context)
            {
                logits[token] = float.NegativeInfinity;
            }
        }
    }
}
