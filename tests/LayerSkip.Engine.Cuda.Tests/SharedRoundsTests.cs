using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Scheduling;
using LayerSkip.Engine.Tests;
using LayerSkip.Engine.Tests.Decoding;
using LayerSkip.Engine.Tests.Devices;
using LayerSkip.Engine.Tests.Scheduling;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Cuda.Tests;

/// <summary>Rounds of several sequences as one graph: each gets what it gets alone, and they cost the host no more than one does.</summary>
public class SharedRoundsTests
{
    private static readonly ModelConfig s_config = TinyCheckpoint.DefaultConfig with
    {
        Layers = 3, VocabularySize = 40, HiddenSize = 24, IntermediateSize = 30, AttentionHeads = 2, KeyValueHeads = 1, MaxPositions = 160,
    };

    [Theory]
    [InlineData(WeightFormat.F32)]
    [InlineData(WeightFormat.BF16)]
    [InlineData(WeightFormat.Int8)]
    [InlineData(WeightFormat.Int4)]
    public void Sequences_get_what_each_gets_alone(WeightFormat format)
    {
        var random = new Random((int)format);
        using var model = CudaModels.Random(s_config, seed: 3, format, draftVocabulary: [1, 5, 9, 11, 20, 21, 30]);
        var requests = Enumerable.Range(0, 14).Select(i => Request(random, i)).ToArray();
        var alone = requests.Select(request => Written(model.Decode(request.Prompt, request.Options, request.Stops))).ToArray();
        var generations = requests.Select(
            request => new Generation(model, request.Prompt, DecodingPlan.Create(request.Options, s_config, new() { EndOfSequenceIds = request.Stops }))).ToArray();
        var graphs = model.Context.Counters.Graphs;
        Assert.InRange(SharedTurns.Run(model, generations, () => random.Next(8) > 0), 10, 1000);

        // Many fewer than rounds: they did run together.
        Assert.InRange(model.Context.Counters.Graphs - graphs, 1, generations.Sum(static generation => generation.Statistics.Rounds) * 2 / 3);
        Assert.Equal(alone, generations.Select(Written));
        Assert.True(generations.Sum(static generation => generation.Statistics.Accepted) > 5);
    }

    [Fact]
    public void Prompts_run_together_before_the_rounds_do()
    {
        using var model = CudaModels.Random(s_config);
        var options = CudaModels.Speculative(1, 3, 8);
        int[] lengths = [90, 1, 40, 2];
        int[][] prompts = [.. lengths.Select(static length => Enumerable.Range(0, length).Select(i => ((7 * i) + length) % 40).ToArray())];
        var alone = prompts.Select(prompt => model.Tokens(prompt, options)).ToArray();
        var generations = prompts.Select(prompt => new Generation(model, prompt, DecodingPlan.Create(options, model.Config, new()))).ToArray();
        foreach (var generation in generations)
        {
            generation.Share(generations.Length);
            generation.BeginRound(TestContext.Current.CancellationToken);
        }

        // More rows than a pass of rounds takes.
        Generation[] drafting = [.. generations.Where(static generation => generation.IsDrafting)];
        Assert.Equal([89, 39, 1], drafting.Select(static generation => generation.Pass!.Value.Count));
        Assert.Equal(1, SharedTurns.RunTogether(model, drafting));
        Array.ForEach(drafting, static generation => generation.GoOn(TestContext.Current.CancellationToken));
        Assert.Equal(1, SharedTurns.RunTogether(model, generations));
        Array.ForEach(generations, static generation => generation.EndRound(TestContext.Current.CancellationToken));
        SharedTurns.Run(model, generations, static () => true);
        Assert.Equal(alone, generations.Select(static generation => generation.Output.ToArray()));
    }

    [Theory]
    [InlineData(20, 0)] // more rows than alone have attention in spans
    [InlineData(12, 4)]
    [InlineData(6, 9)] // no room for a draft of 12 each
    public void As_many_as_a_pass_takes_get_what_each_gets_alone(int sequences, int length)
    {
        using var model = CudaModels.Random(s_config with { Layers = 2 });
        var options = length == 0 ? CudaModels.Autoregressive(6) : CudaModels.Speculative(1, length, 6);
        var alone = Enumerable.Range(0, sequences).Select(i => model.Tokens([i, 2], options)).ToArray();
        var generations = Enumerable.Range(0, sequences).Select(i => new Generation(model, [i, 2], DecodingPlan.Create(options, model.Config, new()))).ToArray();
        Assert.InRange(SharedTurns.Run(model, generations, static () => true), 1, 7); // the prompts, and each round
        Assert.Equal(alone, generations.Select(static generation => generation.Output.ToArray()));
    }

    [Theory]
    [InlineData(0, 0f)]
    [InlineData(3, 0f)]
    [InlineData(3, 0.8f)]
    public void Rounds_together_allocate_nothing_wait_once_and_call_the_driver_as_often_as_one(int length, float temperature)
    {
        using var model = CudaModels.Random(s_config with { Layers = 2, MaxPositions = 1000 });
        var options = (length == 0 ? CudaModels.Autoregressive(900) : CudaModels.Speculative(1, length, 900)) with { Sampling = new() { Temperature = temperature, Seed = 1 } };
        var generations = Enumerable.Range(0, 3).Select(i => new Generation(model, [1, 2, i], DecodingPlan.Create(options, model.Config, new()))).ToArray();
        var (rounds, results) = (new DeviceRound[generations.Length], new DeviceRoundResult[generations.Length]);
        while (generations.Min(static generation => generation.Output.Length) < 65)
        {
            Turn();
        }

        var counters = model.Context.Counters;
        var least = long.MaxValue;
        for (var round = 0; round < 4; round++)
        {
            var capacity = generations.Sum(static generation => generation.Cache.Capacity);
            var (calls, waits, graphs) = (counters.Calls, counters.Synchronizations, counters.Graphs);
            var before = GC.GetAllocatedBytesForCurrentThread();
            Turn();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
            Assert.Equal((1, 1), (counters.Synchronizations - waits, counters.Graphs - graphs));
            if (generations.Sum(static generation => generation.Cache.Capacity) == capacity)
            {
                Assert.Equal(5, counters.Calls - calls);
            }
        }

        Assert.Equal(0, least);

        void Turn()
        {
            for (var i = 0; i < generations.Length; i++)
            {
                generations[i].BeginRound(default);
                rounds[i] = generations[i].WholeRound!.Value;
            }

            model.RunRounds(rounds, results);
            for (var i = 0; i < generations.Length; i++)
            {
                generations[i].RoundHasRun(results[i], ticks: 0);
                generations[i].EndRound(default);
            }
        }
    }

    [Fact]
    public async Task What_fails_together_ends_those_that_shared_it_and_cancelling_one_leaves_the_others()
    {
        using var cuda = CudaModels.Random(s_config with { MaxPositions = 1000 });
        var (most, calls, fails) = (0, 0, (Exception?)null);
        var device = new WatchedDevice(cuda)
        {
            HasWholeRounds = true,
            RunningPasses = rounds =>
            {
                most = Math.Max(most, rounds);
                if (++calls == 5 && fails is not null)
                {
                    throw fails;
                }
            },
        };
        using var model = device.ToModel();
        using var engine = new LayerSkipEngine(model);
        var (plain, other) = (CudaModels.Autoregressive(100), CudaModels.Speculative(1, 2, 20));
        int[][] expected = [.. Enumerable.Range(0, 3).Select(i => Requests.Alone(model, [i], plain)), Requests.Alone(model, [7], other)];

        using var cancellation = new CancellationTokenSource();
        var readers = await Begin();
        await readers[0].WaitToReadAsync();
        await cancellation.CancelAsync();
        var read = new List<int>();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            do
            {
                read.AddRange(readers[0].Read());
            }
            while (await readers[0].WaitToReadAsync());
        });
        Assert.Equal(expected[0][..read.Count], read);
        for (var i = 1; i < readers.Length; i++)
        {
            Assert.Equal(expected[i], await readers[i].ReadAll());
        }

        Assert.Equal(3, most);
        (calls, fails) = (0, new FormatException("no round"));
        readers = await Begin();
        for (var i = 0; i < 3; i++)
        {
            await Assert.ThrowsAsync<FormatException>(() => readers[i].ReadAll());
        }

        Assert.Equal(expected[3], await readers[3].ReadAll());
        Assert.Equal(0, engine.KvBytesInUse);
        Assert.Equal(expected[2], (await engine.Run([2], plain)).Tokens);

        // Without the memory for a round together each has it alone.
        (most, calls, fails) = (0, 0, new InsufficientMemoryException("no memory for a round"));
        readers = await Begin();
        for (var i = 0; i < readers.Length; i++)
        {
            Assert.Equal(expected[i], await readers[i].ReadAll());
        }

        Assert.Equal(3, most);

        // Once they have ended, there may be as much again.
        most = 0;
        readers = await Begin();
        for (var i = 0; i < readers.Length; i++)
        {
            Assert.Equal(expected[i], await readers[i].ReadAll());
        }

        Assert.Equal(3, most);

        // They begin in one turn, behind a request that holds the engine's thread until all are there.
        async Task<TokenReader[]> Begin()
        {
            using var gate = new Gate();
            await using var first = engine.Generate([1], CudaModels.Autoregressive(1) with { LogitsProcessors = [gate] });
            gate.WaitUntilEntered();
            TokenReader[] begun =
            [
                engine.Generate([0], plain, fails is not null ? default : cancellation.Token), engine.Generate([1], plain), engine.Generate([2], plain), engine.Generate([7], other),
            ];
            gate.Open();
            await first.ReadAll();
            return begun;
        }
    }

    private static (int[] Prompt, DecodingOptions Options, int[] Stops) Request(Random random, int i)
    {
        var options = i % 2 == 0
            ? CudaModels.Autoregressive(random.Next(4, 16))
            : CudaModels.Speculative(1, random.Next(1, 6), random.Next(4, 16)) with
            {
                DraftController = i % 3 == 0 ? DraftController.Confidence : null, DraftThreshold = i % 3 == 0 ? 0.03f : null, DraftByWholeHead = i % 4 == 1,
            };
        options = options with { Sampling = new() { Temperature = i % 5 < 3 ? 0 : 1.2f, TopK = i % 10 == 3 ? 8 : 0, Seed = (ulong)i } };
        return (CudaModels.RandomTokens(random, s_config, random.Next(1, 12)), options, [random.Next(s_config.VocabularySize)]);
    }

    private static string Written(Generation generation)
    {
        using (generation)
        {
            var statistics = generation.Statistics;
            return $"{string.Join(' ', generation.Output.ToArray())} {generation.FinishReason} {statistics.Rounds} {statistics.Drafted} {statistics.Accepted} {statistics.LayerPasses}";
        }
    }
}
