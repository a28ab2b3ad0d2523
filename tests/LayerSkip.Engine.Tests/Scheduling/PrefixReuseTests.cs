using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Scheduling;

namespace LayerSkip.Engine.Tests.Scheduling;

/// <summary>What requests reuse of each other changes nothing but the work.</summary>
public class PrefixReuseTests
{
    [Fact]
    public async Task A_second_turn_computes_its_new_tokens_alone()
    {
        using var engine = new LayerSkipEngine(Requests.Model(), ownsModel: true);
        int[] history = Tokens(new Random(1), 470);
        var first = await engine.Run(history, Models.Speculative(2, 4, 30));
        Assert.Equal(0, first.Statistics.CachedTokens);

        // The answer's last token was chosen, but has not run.
        int[] second = [.. history, .. first.Tokens, .. Tokens(new Random(2), 12)];
        var turn = await engine.Run(second, Models.Speculative(2, 4, 30));
        Assert.Equal((512, 499), (turn.Statistics.PromptTokens, turn.Statistics.CachedTokens));
        Assert.Equal(Requests.Alone(engine.Model, second, Models.Autoregressive(30)), turn.Tokens);
    }

    [Fact]
    public async Task The_same_prompt_again_computes_its_last_token_alone()
    {
        using var engine = new LayerSkipEngine(Requests.Model(), ownsModel: true);
        int[] prompt = Tokens(new Random(1), 300);
        var first = await engine.Run(prompt, Models.Autoregressive(100));
        for (var i = 0; i < 3; i++)
        {
            var again = await engine.Run(prompt, Models.Autoregressive(100));
            Assert.Equal(299, again.Statistics.CachedTokens);
            Assert.Equal(first.Tokens, again.Tokens);

            // What the two have in common is not kept twice.
            Assert.Equal(engine.Model.KvBytesOf(400), engine.KvBytesIdle);
        }
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, true)]
    [InlineData(4, true)]
    public async Task Random_conversations_in_all_modes_equal_fresh_runs(int seed, bool together)
    {
        var random = new Random(seed);
        using var engine = new LayerSkipEngine(Requests.Model(), ownsModel: true);
        var systems = Enumerable.Range(0, 3).Select(_ => Tokens(random, random.Next(20, TestedDevice.Many(400, few: 100)))).ToArray();
        var conversations = Enumerable.Range(0, TestedDevice.Many(10, few: 3)).Select(i => (IEnumerable<int>)systems[i % 3]).ToArray();
        var cached = 0;
        for (var turn = 0; turn < TestedDevice.Many(4, few: 2); turn++)
        {
            var asked = conversations.Select(history => (Prompt: (int[])[.. history, .. Tokens(random, random.Next(1, 40))], Options: Options(random))).ToArray();
            var answers = new (int[] Tokens, GenerationStatistics Statistics)[asked.Length];
            if (together)
            {
                answers = await Task.WhenAll(asked.Select(ask => Task.Run(() => engine.Run(ask.Prompt, ask.Options))));
            }
            else
            {
                for (var i = 0; i < asked.Length; i++)
                {
                    answers[i] = await engine.Run(asked[i].Prompt, asked[i].Options);
                }
            }

            for (var i = 0; i < asked.Length; i++)
            {
                using var alone = engine.Model.Generate(asked[i].Prompt, asked[i].Options);
                while (alone.NextRound())
                {
                }

                Assert.Equal(alone.Output.ToArray(), answers[i].Tokens);
                Assert.Equal(Counts(alone.Statistics), Counts(answers[i].Statistics));
                cached += answers[i].Statistics.CachedTokens;
                conversations[i] = asked[i].Prompt.Concat(answers[i].Tokens);
            }
        }

        Assert.True(cached > TestedDevice.Many(1000, few: 50));
        Assert.Equal((0, engine.Model.KvBytes), (engine.KvBytesInUse, engine.KvBytesIdle));
        engine.Dispose();
        Assert.Equal(0, engine.Model.KvBytes);
    }

    [Fact]
    public async Task Layers_that_did_not_run_are_not_reused()
    {
        using var engine = new LayerSkipEngine(Requests.Model(), ownsModel: true);
        int[] prompt = Tokens(new Random(5), 100);
        async Task<int> Cached(int depth, int[] tokens)
        {
            var options = depth == 4
                ? Models.Speculative(2, 3, 10)
                : new DecodingOptions { Mode = DecodingMode.EarlyExit, ExitLayer = depth, MaxNewTokens = 10 };
            var run = await engine.Run(tokens, options);
            Assert.Equal(Requests.Alone(engine.Model, tokens, options), run.Tokens);
            return run.Statistics.CachedTokens;
        }

        Assert.Equal(0, await Cached(2, prompt));
        Assert.Equal(0, await Cached(3, prompt));
        Assert.Equal(99, await Cached(1, prompt));
        Assert.Equal(0, await Cached(4, prompt));
        Assert.Equal(99, await Cached(2, prompt));
        Assert.Equal(99, await Cached(3, prompt));

        // An early exit goes on from a full cache: the layers above it keep what they had, and get no more.
        int[] longer = [.. prompt, .. Tokens(new Random(6), 60)];
        Assert.Equal(100, await Cached(2, longer));
        Assert.Equal(99, await Cached(4, longer));
        Assert.Equal(159, await Cached(4, longer));
    }

    [Fact]
    public async Task Conversations_that_begin_alike_do_not_take_each_others_caches()
    {
        using var engine = new LayerSkipEngine(Requests.Model(), ownsModel: true);
        int[] system = Tokens(new Random(1), 200);
        int[] one = [.. system, .. Tokens(new Random(2), 100)];
        int[] two = [.. system, .. Tokens(new Random(3), 100)];
        await engine.Run(one, Models.Autoregressive(5));
        Assert.Equal(200, (await engine.Run(two, Models.Autoregressive(5))).Statistics.CachedTokens);
        Assert.Equal(299, (await engine.Run(one, Models.Autoregressive(5))).Statistics.CachedTokens);
        Assert.Equal(299, (await engine.Run(two, Models.Autoregressive(5))).Statistics.CachedTokens);
    }

    [Fact]
    public async Task A_running_request_lends_what_it_has_computed()
    {
        using var gate = new Gate();
        using var engine = new LayerSkipEngine(Requests.Model(), ownsModel: true);
        int[] system = Tokens(new Random(1), 200);
        await using var running = engine.Generate([.. system, 1, 2], Models.Autoregressive(50) with { LogitsProcessors = [gate] });
        gate.WaitUntilEntered();
        int[] prompt = [.. system, 3, 4];
        await using var other = engine.Generate(prompt, Models.Autoregressive(50));
        gate.Open();
        Assert.Equal(Requests.Alone(engine.Model, prompt, Models.Autoregressive(50)), await other.ReadAll());
        Assert.Equal(200, other.Statistics.CachedTokens);
        Assert.Equal(50, (await running.ReadAll()).Length);
    }

    [Fact]
    public async Task Requests_that_begin_in_one_turn_compute_what_they_have_in_common_once()
    {
        using var gate = new Gate();
        using var engine = new LayerSkipEngine(Requests.Model(), ownsModel: true);
        await using var first = engine.Generate([9], Models.Autoregressive(1) with { LogitsProcessors = [gate] });
        gate.WaitUntilEntered();
        int[] system = Tokens(new Random(1), 200);
        await using var one = engine.Generate([.. system, 1, 2], Models.Autoregressive(5));
        await using var other = engine.Generate([.. system, 3, 4], Models.Autoregressive(5));
        gate.Open();
        await Task.WhenAll(one.ReadAll(), other.ReadAll());
        Assert.Equal((0, 200), (one.Statistics.CachedTokens, other.Statistics.CachedTokens));
    }

    [Fact]
    public async Task Few_tokens_in_common_are_left_alone()
    {
        using var engine = new LayerSkipEngine(Requests.Model(), ownsModel: true);
        await engine.Run([1, 2, 3, .. Tokens(new Random(1), 100)], Models.Autoregressive(5));
        Assert.Equal(0, (await engine.Run([1, 2, 3, .. Tokens(new Random(2), 100)], Models.Autoregressive(5))).Statistics.CachedTokens);
    }

    [Fact]
    public async Task A_cancelled_request_leaves_what_it_had_computed()
    {
        using var engine = new LayerSkipEngine(Requests.Model(), ownsModel: true);
        int[] prompt = Tokens(new Random(1), 100);
        using var cancellation = new CancellationTokenSource();
        await using (var reader = engine.Generate(prompt, Models.Speculative(1, 4, 10_000), cancellation.Token))
        {
            Assert.True(await reader.WaitToReadAsync());
            await cancellation.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reader.ReadAll());
        }

        var again = await engine.Run(prompt, Models.Speculative(1, 4, 30));
        Assert.Equal(99, again.Statistics.CachedTokens);
        Assert.Equal(Requests.Alone(engine.Model, prompt, Models.Autoregressive(30)), again.Tokens);
    }

    [Fact]
    public async Task Scopes_are_kept_apart()
    {
        using var engine = new LayerSkipEngine(Requests.Model(), ownsModel: true);
        int[] prompt = Tokens(new Random(1), 100);
        var options = Models.Autoregressive(5);
        string?[] scopes = [null, "a", "b"];
        foreach (var scope in scopes)
        {
            Assert.Equal(0, (await engine.Run(prompt, options with { PrefixScope = scope })).Statistics.CachedTokens);
        }

        foreach (var scope in scopes)
        {
            Assert.Equal(99, (await engine.Run(prompt, options with { PrefixScope = scope })).Statistics.CachedTokens);
        }
    }

    [Fact]
    public async Task Nothing_is_kept_or_lent_where_reuse_is_off()
    {
        using var gate = new Gate();
        using var engine = new LayerSkipEngine(Requests.Model(), ownsModel: true, new() { IdleKvCacheBudget = 0 });
        int[] prompt = Tokens(new Random(1), 100);
        await using var running = engine.Generate(prompt, Models.Autoregressive(50) with { LogitsProcessors = [gate] });
        gate.WaitUntilEntered();
        await using var other = engine.Generate(prompt, Models.Autoregressive(50));
        gate.Open();
        await other.ReadAll();
        await running.ReadAll();
        Assert.Equal(0, other.Statistics.CachedTokens);
        Assert.Equal((0, 0, 0), (engine.KvBytesInUse, engine.KvBytesIdle, engine.Model.KvBytes));
        Assert.Equal(0, (await engine.Run(prompt, Models.Autoregressive(5))).Statistics.CachedTokens);
    }

    [Fact]
    public async Task The_cache_not_used_for_longest_goes_first()
    {
        using var model = Requests.Model();
        var bytes = model.KvBytesOf(110);
        using var engine = new LayerSkipEngine(model, options: new() { IdleKvCacheBudget = 3 * bytes });
        int[][] prompts = [.. Enumerable.Range(0, 4).Select(static i => Tokens(new Random(i), 100))];
        async Task<int> Cached(int i)
        {
            var run = await engine.Run(prompts[i], Models.Autoregressive(5));
            Assert.True(engine.KvBytesIdle <= 3 * bytes);
            return run.Statistics.CachedTokens;
        }

        Assert.Equal((0, 0, 0), (await Cached(0), await Cached(1), await Cached(2)));
        Assert.Equal(99, await Cached(0));
        Assert.Equal(0, await Cached(3)); // takes the place of 1
        Assert.Equal((99, 99, 99), (await Cached(0), await Cached(2), await Cached(3)));
        Assert.Equal(0, await Cached(1)); // takes the place of 0
        Assert.Equal(0, await Cached(0));
    }

    private static DecodingOptions Options(Random random)
    {
        var options = random.Next(4) switch
        {
            0 => Models.Autoregressive(random.Next(1, 40)),
            1 => new DecodingOptions { Mode = DecodingMode.EarlyExit, ExitLayer = random.Next(1, 4), MaxNewTokens = random.Next(1, 40) },
            _ => Models.Speculative(random.Next(1, 4), random.Next(1, 8), random.Next(1, 40)),
        };
        return random.Next(3) > 0 ? options : options with { Sampling = new() { Temperature = 1, TopK = 20, Seed = (ulong)random.Next() } };
    }

    private static (int, int, int, long) Counts(in GenerationStatistics statistics) =>
        (statistics.Rounds, statistics.Drafted, statistics.Accepted, statistics.ExitLayers);

    private static int[] Tokens(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(97))];
}
