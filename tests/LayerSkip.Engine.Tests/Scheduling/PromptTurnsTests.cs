using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Scheduling;
using LayerSkip.Engine.Tests.Devices;

namespace LayerSkip.Engine.Tests.Scheduling;

/// <summary>Prompts share a turn's rows, so that nobody waits for all of them, and compute once what they have in common.</summary>
public class PromptTurnsTests
{
    private const int RowsPerTurn = Generation.PrefillRows;

    private static readonly DecodingOptions s_endless = Models.Autoregressive(1000);

    [Fact]
    public void A_stream_goes_on_while_long_prompts_come_and_the_oldest_of_these_is_answered_first()
    {
        var rows = 0;
        using var scripted = Scripted();
        using var model = new WatchedDevice(scripted.Steps) { Embedding = count => rows += count }.ToModel();
        using var turns = new TurnByTurn(model);
        var stream = turns.Add([1], s_endless);
        turns.Turn();
        var prompts = Enumerable.Range(2, 15).Select(i => turns.Add(Prompt(i, 2000), s_endless)).ToArray();
        var answered = new List<int>();
        for (var turn = 1; turn <= 120; turn++)
        {
            rows = 0;
            turns.Turn();
            Assert.Equal(1 + turn, stream.Generation.Output.Length);
            Assert.InRange(rows, 1, RowsPerTurn + 16);
            answered.AddRange(prompts.Where(static reader => reader.Generation.Output.Length == 1).Select(_ => turn));
        }

        // Seven pieces and what is left of a prompt, one after the other.
        Assert.Equal(Enumerable.Range(1, 15).Select(static i => 8 * i), answered);
    }

    [Fact]
    public void Where_turns_take_long_a_stream_waits_for_fewer_rows_of_a_prompt()
    {
        using var model = Scripted();
        using var turns = new TurnByTurn(model) { TurnTime = TimeSpan.FromSeconds(1) };
        var prompt = turns.Add(Prompt(1, 8000), s_endless);
        turns.Turn();
        Assert.Equal([256, 256], Pieces(2));
        var stream = turns.Add([1], s_endless);
        turns.Turn();
        Assert.Equal([128, 64, 32, 32, 32], Pieces(5));
        turns.TurnTime = TimeSpan.FromSeconds(0.1);
        Assert.Equal([32, 32], Pieces(2));
        turns.TurnTime = TimeSpan.FromSeconds(0.01);
        Assert.Equal([32, 64, 128, 256, 256], Pieces(5));
        Assert.Equal(13, stream.Generation.Output.Length);
        Assert.Equal(0, prompt.Generation.Output.Length);

        int[] Pieces(int count) => [.. Enumerable.Range(0, count).Select(_ =>
        {
            var before = prompt.Generation.ValidLength(4);
            turns.Turn();
            return prompt.Generation.ValidLength(4) - before;
        })];
    }

    [Fact]
    public void Short_prompts_and_long_ones_do_not_wait_for_each_others_end()
    {
        using var model = Scripted();
        using var turns = new TurnByTurn(model, new() { MaxConcurrentRequests = 100 });
        var longOne = turns.Add(Prompt(1, 8000), s_endless);
        turns.Turn();
        TokenReader? last = null;
        for (var turn = 2; turn <= 30; turn++)
        {
            var next = turns.Add(Prompt(turn, 100), s_endless);
            turns.Turn();
            Assert.True(last is null || last.Generation.Output.Length > 0);
            last = next;
            Assert.InRange(longOne.Generation.ValidLength(4), turn / 2 * RowsPerTurn, ((turn / 2) + 1) * RowsPerTurn);
        }
    }

    [Fact]
    public void Short_prompts_share_a_turn()
    {
        using var model = Scripted();
        using var turns = new TurnByTurn(model);
        var readers = Enumerable.Range(0, 12).Select(i => turns.Add(Prompt(i, 25), s_endless)).ToArray();
        turns.Turn();
        Assert.Equal([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0], readers.Select(static reader => reader.Generation.Output.Length));
        turns.Turn();
        Assert.Equal([2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1], readers.Select(static reader => reader.Generation.Output.Length));
    }

    [Theory]
    [InlineData(40, false)]
    [InlineData(40, true)]
    [InlineData(200, true)]
    [InlineData(1000, false)]
    [InlineData(1000, true)]
    public void What_prompts_have_in_common_is_computed_once(int common, bool drafts)
    {
        var rows = 0;
        common = Math.Min(common, TestedDevice.Many(1000, few: 300));
        using var random = Requests.Model();
        using var model = new WatchedDevice(random.Steps) { Embedding = count => rows += count }.ToModel();
        var options = (drafts ? Models.Speculative(2, 4, 10) : Models.Autoregressive(10)) with { IgnoreEndOfSequence = true };
        int[][] prompts = [.. Enumerable.Range(0, TestedDevice.Many(9, few: 4)).Select(i => (int[])[.. Prompt(1, common), i, 1, 2, 3])];
        int[][] expected = [.. prompts.Select(prompt => Requests.Alone(random, prompt, options))];
        using var turns = new TurnByTurn(model);
        TokenReader[] readers = [.. prompts.Select(prompt => turns.Add(prompt, options))];
        turns.RunToEnd();
        Assert.Equal(expected, readers.Select(static reader => reader.Generation.Output.ToArray()));
        Assert.Equal([0, .. Enumerable.Repeat(common, prompts.Length - 1)], readers.Select(static reader => reader.Statistics.CachedTokens));
        if (!drafts)
        {
            // Their ends, and all tokens but the last of each answer.
            Assert.Equal(common + (prompts.Length * (4 + 9)), rows);
        }
    }

    [Fact]
    public void Prompts_that_may_share_nothing_do_not_wait_for_each_other()
    {
        using var model = Scripted();
        using var turns = new TurnByTurn(model);
        TokenReader[] readers = [.. Enumerable.Range(0, 3).Select(i => turns.Add(Prompt(1, 80), s_endless with { PrefixScope = $"{i}" }))];
        turns.Turn();
        Assert.All(readers, static reader => Assert.Equal(1, reader.Generation.Output.Length));
    }

    [Theory]
    [InlineData(1, 10_000)]
    [InlineData(2, 10_000)]
    [InlineData(3, 1_500)]
    [InlineData(4, 1_500)]
    public void Prompts_that_come_at_random_and_begin_alike_are_each_answered_as_alone(int seed, int positions)
    {
        // Where there is room for some of them alone, others wait, or lose their caches, and those of ended ones go soon.
        var random = new Random(seed);
        using var model = Requests.Model();
        var common = Prompt(1, TestedDevice.Many(900, few: 300));
        using var turns = new TurnByTurn(model, new() { KvCacheBudget = model.KvBytesOf(positions), IdleKvCacheBudget = model.KvBytesOf(positions / 4) });
        var asked = Enumerable.Range(0, TestedDevice.Many(16, few: 8)).Select(i =>
        {
            DecodingOptions options = (i % 3) switch
            {
                0 => Models.Autoregressive(random.Next(1, 80)),
                1 => new() { Mode = DecodingMode.EarlyExit, ExitLayer = random.Next(1, 4), MaxNewTokens = random.Next(1, 80) },
                _ => Models.Speculative(random.Next(1, 4), random.Next(1, 8), random.Next(1, 80)),
            };
            int[] prompt = [.. common[..random.Next(common.Length)], .. Prompt(random.Next(97), random.Next(1, 100))];
            for (var turn = random.Next(6); turn > 0; turn--)
            {
                turns.Turn();
            }

            return (Prompt: prompt, Options: options, Reader: turns.Add(prompt, options));
        }).ToArray();
        turns.RunToEnd();
        Assert.All(asked, ask => Assert.Equal(Requests.Alone(model, ask.Prompt, ask.Options), ask.Reader.Generation.Output.ToArray()));
        Assert.All(asked, static ask => Assert.InRange(ask.Reader.Statistics.CachedTokens, 0, ask.Prompt.Length - 1));
        Assert.True(asked.Sum(static ask => ask.Reader.Statistics.CachedTokens) > common.Length);
        Assert.Equal(0, turns.KvBytesInUse);
    }

    [Fact]
    public void A_turn_allocates_nothing()
    {
        using var model = Requests.Model();
        using var turns = new TurnByTurn(model);
        TokenReader[] readers = [.. Enumerable.Range(0, 3).Select(i => turns.Add([i], i == 0 ? s_endless : Models.Speculative(2, 3, 1000)))];
        for (var turn = 0; turn < 20; turn++)
        {
            turns.Turn();
        }

        Assert.Equal(0, Allocations.Least(() =>
        {
            for (var turn = 0; turn < 10; turn++)
            {
                turns.Turn();
            }
        }));
        Assert.All(readers, static reader => Assert.False(reader.HasEnded));
    }

    private static LayerSkipModel Scripted() =>
        ScriptedModel.Create(static _ => new string('a', 2000), new() { Layers = 4, ContextLength = 20_000 });

    /// <summary>Tokens that no other prompt begins with.</summary>
    private static int[] Prompt(int first, int tokens) => [.. Enumerable.Range(0, tokens).Select(i => i == 0 ? first : i * 7 % 97)];
}
