using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Sampling;
using LayerSkip.Engine.Scheduling;
using LayerSkip.Engine.Tests.Devices;

namespace LayerSkip.Engine.Tests.Scheduling;

/// <summary>The KV caches of an engine keep to their budget, and nobody's result depends on it.</summary>
public class KvMemoryTests
{
    [Fact]
    public void A_prompt_that_cannot_fit_is_refused_at_once()
    {
        using var model = Requests.Model();
        using var engine = new LayerSkipEngine(model, options: new() { KvCacheBudget = model.KvBytesOf(64) });
        var error = Assert.Throws<InsufficientMemoryException>(() => engine.Generate(new int[65]));
        Assert.Equal($"The prompt's 65 tokens need {model.KvBytesOf(65)} bytes of KV cache, but KvCacheBudget is {model.KvBytesOf(64)}.", error.Message);
        Assert.Equal((0, 0), (engine.RunningRequests, engine.QueuedRequests));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    [InlineData(64)]
    public async Task A_request_that_outgrows_the_budget_ends_and_the_engine_goes_on(int drafted)
    {
        // As late as may be: a draft that does not fit is a shorter one.
        drafted = Math.Min(drafted, TestedDevice.Many(64, few: 12));
        var options = drafted > 0 ? Models.Speculative(2, drafted, 1000) : Models.Autoregressive(1000);
        using var model = Requests.Model();
        using var engine = new LayerSkipEngine(model, options: new() { KvCacheBudget = model.KvBytesOf(64) });
        await using (var reader = engine.Generate([1, 2, 3], options))
        {
            var error = await Assert.ThrowsAsync<InsufficientMemoryException>(() => reader.ReadAll());
            Assert.Equal(
                $"The request needs {model.KvBytesOf(65)} bytes of KV cache for 65 tokens, but KvCacheBudget is {model.KvBytesOf(64)}.", error.Message);
            Assert.Equal(62, reader.Statistics.Tokens);
        }

        Assert.Equal(
            Requests.Alone(model, [1, 2, 3], Models.Autoregressive(62)), (await engine.Run([1, 2, 3], options with { MaxNewTokens = 62 })).Tokens);
    }

    [Fact]
    public async Task Idle_caches_make_room_for_running_requests()
    {
        using var model = Requests.Model();
        var budget = model.KvBytesOf(200);
        using var engine = new LayerSkipEngine(model, options: new() { KvCacheBudget = budget, IdleKvCacheBudget = budget });
        for (var i = 0; i < 6; i++)
        {
            var (tokens, _) = await engine.Run([i, i], Models.Autoregressive(60) with { LogitsProcessors = [new Watch(engine, budget)] });
            Assert.Equal(Requests.Alone(model, [i, i], Models.Autoregressive(60)), tokens);
        }

        Assert.Equal(3 * model.KvBytesOf(61), engine.KvBytesIdle);
        var (all, _) = await engine.Run([7], Models.Autoregressive(190) with { LogitsProcessors = [new Watch(engine, budget)] });
        Assert.Equal(190, all.Length);
        Assert.Equal(model.KvBytesOf(190), engine.KvBytesIdle);
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(2, false)]
    [InlineData(3, true)]
    public async Task Requests_that_do_not_fit_together_wait_for_each_other(int seed, bool reuse)
    {
        // Prompts fit together, their outputs do not: some lose their caches on the way, and compute them again.
        var random = new Random(seed);
        using var model = Requests.Model();
        var budget = model.KvBytesOf(TestedDevice.Many(700, few: 96));
        using var engine = new LayerSkipEngine(model, options: new() { KvCacheBudget = budget, IdleKvCacheBudget = reuse ? budget : 0 });
        var (mostPrompt, mostOutput) = (TestedDevice.Many(120, few: 40), TestedDevice.Many(500, few: 56));
        var asked = Enumerable.Range(0, TestedDevice.Many(12, few: 6)).Select(i =>
        {
            int[] prompt = [.. Enumerable.Range(0, random.Next(1, mostPrompt)).Select(_ => random.Next(97))];
            var options = i % 3 == 0 ? Models.Autoregressive(random.Next(1, mostOutput)) : Models.Speculative(1 + (i % 3), 3, random.Next(1, mostOutput));
            return (prompt, i % 4 == 3 ? options with { Sampling = new() { Temperature = 1, Seed = (ulong)i } } : options);
        }).ToArray();
        var answers = await Task.WhenAll(asked.Select(ask => Task.Run(async () => (await engine.Run(
            ask.prompt, ask.Item2 with { LogitsProcessors = [new Watch(engine, budget)] })).Tokens)));
        for (var i = 0; i < asked.Length; i++)
        {
            Assert.Equal(Requests.Alone(model, asked[i].prompt, asked[i].Item2), answers[i]);
        }

        Assert.Equal((0, 0, 0, model.KvBytes), (engine.RunningRequests, engine.QueuedRequests, engine.KvBytesInUse, engine.KvBytesIdle));
    }

    [Fact]
    public async Task A_request_begins_when_its_draft_has_room_too()
    {
        var caches = 0;
        using var random = Requests.Model();
        var device = new WatchedDevice(random.Steps) { CreatingCache = () => caches++ };
        using var model = device.ToModel();
        using var engine = new LayerSkipEngine(model, options: new() { KvCacheBudget = model.KvBytesOf(256), IdleKvCacheBudget = 0 });
        using var gate = new Gate();
        int[] prompt = [.. Enumerable.Range(0, 100).Select(i => i % 97)];
        var length = TestedDevice.Many(100, few: 40);
        var older = engine.Run(prompt, Models.Autoregressive(length) with { LogitsProcessors = [gate] });
        gate.WaitUntilEntered();
        var younger = engine.Run(prompt, Models.Speculative(2, 64, length));
        gate.Open();

        // 128 and 128 positions would fit together, but not with a draft of 64 beside.
        Assert.Equal((await older).Tokens, (await younger).Tokens);
        Assert.Equal(2, caches);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Embedding_requests_keep_to_the_budget_and_wait_for_it(int seed)
    {
        var random = new Random(seed);
        using var inner = Requests.Model();
        var device = new WatchedDevice(inner.Steps);
        using var model = device.ToModel();
        var budget = model.KvBytesOf(320);
        var most = 0L;
        device.LayersRun = () => most = Math.Max(most, model.KvBytes);
        using var engine = new LayerSkipEngine(model, options: new() { KvCacheBudget = budget });
        var (mostOutput, mostInputs) = (TestedDevice.Many(300, few: 40), TestedDevice.Many(60, few: 6));
        var asked = Enumerable.Range(0, 6).Select(_ => (
            Prompt: new[] { random.Next(97) },
            Options: Models.Speculative(2, 4, random.Next(1, mostOutput)),
            Inputs: Enumerable.Range(0, random.Next(1, mostInputs)).Select(i => Enumerable.Range(0, random.Next(1, i == 5 ? 320 : 40)).Select(_ => random.Next(97)).ToArray()).ToArray())).ToArray();

        // A pass of some 32 inputs would take three times the budget, and the longest input leaves no room for a request that decodes.
        var decoding = asked.Select(ask => engine.Run(ask.Prompt, ask.Options)).ToArray();
        var pooling = asked.Select(ask => engine.MeanHiddenStatesAsync(
            [.. ask.Inputs.SelectMany(input => input)], [.. ask.Inputs.Select(input => input.Length)], 2)).ToArray();
        await Task.WhenAll([.. decoding, .. pooling]);
        Assert.InRange(most, 1, budget);
        Assert.Equal((0, 0, 0, model.KvBytes), (engine.RunningRequests, engine.QueuedRequests, engine.KvBytesInUse, engine.KvBytesIdle));

        for (var i = 0; i < asked.Length; i++)
        {
            Assert.Equal(Requests.Alone(inner, asked[i].Prompt, asked[i].Options), (await decoding[i]).Tokens);
            var means = new float[asked[i].Inputs.Length * model.Config.HiddenSize];
            inner.MeanHiddenStates([.. asked[i].Inputs.SelectMany(input => input)], [.. asked[i].Inputs.Select(input => input.Length)], 2, means);
            Assert.Equal(means, await pooling[i]);
        }
    }

    [Fact]
    public void Rounds_that_memory_was_short_for_run_together_again_once_a_request_has_ended()
    {
        using var random = Requests.Model();
        var together = new List<int>();
        var device = new WatchedDevice(random.Steps)
        {
            MakesWholeRounds = true,
            RunningPasses = count =>
            {
                together.Add(count);
                if (together.Count == 1)
                {
                    throw new InsufficientMemoryException();
                }
            },
        };
        using var model = device.ToModel();
        using var turns = new TurnByTurn(model);
        TokenReader[] readers = [.. Enumerable.Range(0, 4).Select(i => turns.Add([i], Models.Autoregressive(i == 3 ? 3 : 10)))];
        for (var turn = 0; turn < 3; turn++)
        {
            turns.Turn();
        }

        Assert.Equal([false, false, false, true], readers.Select(static reader => reader.HasEnded));
        readers = [.. readers, turns.Add([4], Models.Autoregressive(10))];
        turns.Turn();
        Assert.Equal([4, 3, 3, 4], together);
        turns.RunToEnd();
        Assert.All(readers.Index(), reader => Assert.Equal(
            Requests.Alone(random, [reader.Index], Models.Autoregressive(10))[..(reader.Index == 3 ? 3 : 10)], reader.Item.Generation.Output.ToArray()));
    }

    [Fact]
    public async Task A_suspended_request_can_be_cancelled_and_goes_on_otherwise()
    {
        using var model = Requests.Model();
        var (longest, length) = (TestedDevice.Many(300, few: 150), TestedDevice.Many(250, few: 120));
        using var engine = new LayerSkipEngine(model, options: new() { KvCacheBudget = model.KvBytesOf(longest + 20) });
        using var cancellation = new CancellationTokenSource();
        using var gate = new Gate();
        await using var oldest = engine.Generate([1], Models.Autoregressive(longest) with { LogitsProcessors = [new Once(() => engine.RunningRequests == 1, gate)] });
        await using var second = engine.Generate([2], Models.Autoregressive(length));
        await using var third = engine.Generate([3], Models.Autoregressive(length), cancellation.Token);

        // The oldest stands alone: the other two have lost their caches to it.
        gate.WaitUntilEntered();
        Assert.Equal((1, 2), (engine.RunningRequests, engine.QueuedRequests));
        await cancellation.CancelAsync();
        gate.Open();
        await Assert.ThrowsAsync<OperationCanceledException>(() => third.ReadAll());
        Assert.Equal(Requests.Alone(model, [1], Models.Autoregressive(longest)), await oldest.ReadAll());
        Assert.Equal(Requests.Alone(model, [2], Models.Autoregressive(length)), await second.ReadAll());
    }

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    public async Task Thirty_two_requests_with_cancellations_at_random_equal_solitary_runs(int seed)
    {
        var random = new Random(seed);
        using var model = Requests.Model();
        var budget = model.KvBytesOf(4000);
        var mostOutput = TestedDevice.Many(150, few: 15);
        int[][] systems = [.. Enumerable.Range(0, 4).Select(_ => (int[])[.. Enumerable.Range(0, random.Next(10, 2 * mostOutput)).Select(_ => random.Next(97))])];
        var asked = Enumerable.Range(0, 32).Select(i => (
            Prompt: (int[])[.. systems[i % 4], .. Enumerable.Range(0, random.Next(1, 30)).Select(_ => random.Next(97))],
            Options: (i % 3) switch
            {
                0 => Models.Autoregressive(random.Next(1, mostOutput)),
                1 => Models.Speculative(random.Next(1, 4), random.Next(1, 6), random.Next(1, mostOutput)),
                _ => new DecodingOptions { Mode = DecodingMode.EarlyExit, ExitLayer = random.Next(1, 4), MaxNewTokens = random.Next(1, mostOutput) },
            },
            CancelAfter: random.Next(3) == 0 ? random.Next(0, 2 * mostOutput / 5) : (int?)null)).ToArray();
        var expected = asked.Select(ask => Requests.Alone(model, ask.Prompt, ask.Options)).ToArray();

        using var engine = new LayerSkipEngine(model, options: new() { KvCacheBudget = budget, MaxConcurrentRequests = 8, MaxQueuedRequests = 24 });
        for (var repetition = 0; repetition < TestedDevice.Many(2, few: 1); repetition++)
        {
            await Task.WhenAll(Enumerable.Range(0, 32).Select(i => Task.Run(async () =>
            {
                using var cancellation = new CancellationTokenSource();
                var tokens = new List<int>();
                await using var reader = engine.Generate(
                    asked[i].Prompt, asked[i].Options with { LogitsProcessors = [new Watch(engine, budget)] }, cancellation.Token);
                try
                {
                    while (asked[i].CancelAfter is not 0 && await reader.WaitToReadAsync())
                    {
                        tokens.AddRange(reader.Read());
                        if (tokens.Count >= asked[i].CancelAfter)
                        {
                            await cancellation.CancelAsync();
                        }
                    }
                }
                catch (OperationCanceledException)
                {
                    Assert.NotNull(asked[i].CancelAfter);
                    Assert.Equal(expected[i][..tokens.Count], tokens);
                    return;
                }

                // A consumer may also just walk away, here before the first token.
                Assert.Equal(asked[i].CancelAfter is 0 ? [] : expected[i], tokens);
            })));

            Assert.Equal((0, 0, 0), (engine.RunningRequests, engine.QueuedRequests, engine.KvBytesInUse));
            Assert.Equal(engine.KvBytesIdle, model.KvBytes);
            Assert.InRange(engine.KvBytesIdle, 1, budget / 4);
        }

        engine.Dispose();
        Assert.Equal(0, model.KvBytes);
    }

    [Fact]
    public void Default_budgets_follow_the_model()
    {
        using var model = Requests.Model(maxPositions: 100);
        using var engine = new LayerSkipEngine(model);
        Assert.True(engine.KvCacheBudget >= model.KvBytesOf(100));
        Assert.Equal(16 * model.KvBytesOf(100), KvCacheBudgets.Of(model, new()).Idle);
        Assert.Equal((100, 25), (KvCacheBudgets.Of(model, new() { KvCacheBudget = 100 }).Total, KvCacheBudgets.Of(model, new() { KvCacheBudget = 100 }).Idle));
        Assert.Equal(100, KvCacheBudgets.Of(model, new() { KvCacheBudget = 100, IdleKvCacheBudget = 1000 }).Idle);
    }

    [Fact]
    public void Default_budget_does_not_grow_with_the_context()
    {
        // A GPU's memory is what others leave of it at the moment.
        var (some, many) = (Total(20_000), Total(1_000_000_000));
        Assert.InRange((double)many / some, TestedDevice.SharesMemory ? 0.5 : 1, TestedDevice.SharesMemory ? 2 : 1);

        static long Total(int maxPositions)
        {
            using var model = Requests.Model(maxPositions);
            return KvCacheBudgets.Of(model, new()).Total;
        }
    }

    [Fact]
    public void Sizes_of_caches_do_not_overflow()
    {
        using var model = Requests.Model();
        using var scripted = ScriptedModel.Create("?");
        Assert.True(model.KvBytesOf(int.MaxValue) > model.KvBytesOf(int.MaxValue - 40));
        Assert.True(scripted.KvBytesOf(int.MaxValue) > scripted.KvBytesOf(int.MaxValue - 40));
    }

    [Fact]
    public void Budgets_out_of_range_are_refused_by_name()
    {
        using var model = Requests.Model();
        Assert.Contains("KvCacheBudget", Assert.Throws<ArgumentOutOfRangeException>(
            () => new LayerSkipEngine(model, options: new() { KvCacheBudget = 0 })).Message, StringComparison.Ordinal);
        Assert.Contains("IdleKvCacheBudget", Assert.Throws<ArgumentOutOfRangeException>(
            () => new LayerSkipEngine(model, options: new() { IdleKvCacheBudget = -1 })).Message, StringComparison.Ordinal);
    }

    /// <summary>Sees in every round that the caches keep to the budget.</summary>
    private sealed class Watch(LayerSkipEngine engine, long budget) : ILogitsProcessor
    {
        public void Process(ReadOnlySpan<int> context, Span<float> logits) =>
            Assert.True(engine.KvBytesInUse + engine.KvBytesIdle <= budget && engine.Model.KvBytes <= budget);
    }

    /// <summary>Goes through a gate as soon as something holds.</summary>
    private sealed class Once(Func<bool> holds, Gate gate) : ILogitsProcessor
    {
        public void Process(ReadOnlySpan<int> context, Span<float> logits)
        {
            if (context.Length > 100 && holds())
            {
                gate.Process(context, logits);
            }
        }
    }
}
