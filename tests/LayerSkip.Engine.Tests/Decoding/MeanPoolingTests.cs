using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Scheduling;
using LayerSkip.Engine.Tests.Scheduling;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Decoding;

public class MeanPoolingTests
{
    [Fact]
    public void Means_equal_those_of_the_naive_transformer()
    {
        var random = new Random(1);
        for (var round = 0; round < TestedDevice.Many(12, few: 4); round++)
        {
            var config = Models.RandomConfig(random);
            using var weights = new RandomWeightSource(config, seed: (ulong)round, TensorDataType.F32);
            using var model = LayerSkipModel.FromWeights("random", config, weights, options: TestedDevice.Options(1));
            var inputs = Inputs(random, config, count: random.Next(1, 6), maxLength: 20);
            var layer = random.Next(1, config.Layers + 1);

            var means = Means(model, layer, inputs);

            for (var i = 0; i < inputs.Length; i++)
            {
                var states = NaiveTransformer.States(config, weights, inputs[i], layer);
                for (var d = 0; d < config.HiddenSize; d++)
                {
                    Assert.Equal(states.Average(state => state[d]), means[i][d], 1e-4);
                }
            }
        }
    }

    [Fact]
    public async Task Means_are_the_same_bits_in_every_batch_and_with_every_number_of_threads()
    {
        var random = new Random(2);
        var config = TinyCheckpoint.DefaultConfig with { MaxPositions = 1000 };

        // Inputs that share passes, and some that need several of 256 rows each.
        int[][] inputs = [.. Inputs(random, config, TestedDevice.Many(50, few: 20), 12), .. Inputs(random, config, TestedDevice.Many(6, few: 2), 700), .. Inputs(random, config, TestedDevice.Many(40, few: 15), 3)];
        float[][]? expected = null;
        for (var threads = 1; threads <= TestedDevice.Many(3, few: 1); threads++)
        {
            using var weights = new RandomWeightSource(config, seed: 1, TensorDataType.F32);
            using var model = LayerSkipModel.FromWeights("random", config, weights, options: TestedDevice.Options(threads));
            expected ??= [.. inputs.SelectMany(input => Means(model, 3, input))];

            Assert.Equal(expected, Means(model, 3, inputs));
            Assert.Equal(expected.Reverse(), Means(model, 3, [.. inputs.Reverse()]));
            Assert.Equal(0, model.KvBytes);

            using var engine = new LayerSkipEngine(model);
            var together = inputs.Chunk(17).Select(chunk => engine.MeanHiddenStatesAsync([.. chunk.SelectMany(x => x)], [.. chunk.Select(x => x.Length)], 3));
            Assert.Equal(expected.SelectMany(mean => mean), (await Task.WhenAll(together)).SelectMany(means => means));
        }
    }

    [Fact]
    public async Task Pooling_and_decoding_share_an_engine_and_leave_each_other_as_they_are()
    {
        var random = new Random(3);
        using var model = Requests.Model();
        using var engine = new LayerSkipEngine(model);
        var inputs = Inputs(random, model.Config, TestedDevice.Many(60, few: 8), 300);
        var options = Models.Speculative(2, 4, maxNewTokens: TestedDevice.Many(200, few: 40));
        var alone = Requests.Alone(model, [5, 6, 7], options);
        var means = Means(model, 2, inputs).SelectMany(mean => mean);

        var decoding = Enumerable.Range(0, 4).Select(_ => engine.Run([5, 6, 7], options)).ToArray();
        var pooling = engine.MeanHiddenStatesAsync([.. inputs.SelectMany(x => x)], [.. inputs.Select(x => x.Length)], 2);

        Assert.All(await Task.WhenAll(decoding), result => Assert.Equal(alone, result.Tokens));
        Assert.Equal(means, await pooling);
        Assert.Equal((0, 0), (engine.RunningRequests, engine.QueuedRequests));
    }

    [Fact]
    public async Task Request_that_decodes_has_a_round_for_each_pass_of_a_pooling()
    {
        var passes = TestedDevice.Many(12, few: 4);
        using var model = Requests.Model();
        using var engine = new LayerSkipEngine(model);
        using var gate = new Gate();
        var turns = new List<int>();
        using var cancellation = new CancellationTokenSource();
        await using var decoding = engine.Generate([1], new DecodingOptions { LogitsProcessors = [gate, new Turns(turns, 0)] }, cancellation.Token);
        gate.WaitUntilEntered();

        // The engine stands in the decoding's first round while the pooling comes.
        var pooling = engine.MeanHiddenStatesAsync(new int[passes * Generation.PrefillRows], [passes * Generation.PrefillRows], 1);
        gate.Open();
        await pooling;
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => decoding.ReadAll());

        Assert.True(turns.Count >= passes);
    }

    [Fact]
    public async Task Pooling_waits_for_its_turn_and_may_give_up()
    {
        using var model = Requests.Model();
        using var engine = new LayerSkipEngine(model, options: new() { MaxConcurrentRequests = 1, MaxQueuedRequests = 1 });
        using var gate = new Gate();
        using var cancellation = new CancellationTokenSource();
        var decoding = engine.Run([1], new DecodingOptions { LogitsProcessors = [gate], MaxNewTokens = 1 });
        gate.WaitUntilEntered();

        var waiting = engine.MeanHiddenStatesAsync([1, 2], [2], 1, cancellation.Token);
        await Assert.ThrowsAsync<RequestQueueFullException>(() => engine.MeanHiddenStatesAsync([1, 2], [2], 1));
        Assert.Equal(1, engine.QueuedRequests);
        await cancellation.CancelAsync();
        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        Assert.Equal(cancellation.Token, error.CancellationToken);

        // The engine's thread stands still all the while; the place in the queue is free again each time.
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(0, engine.QueuedRequests);
            using var another = new CancellationTokenSource();
            var next = engine.MeanHiddenStatesAsync([1, 2], [2], 1, another.Token);
            await another.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => next);
        }

        gate.Open();
        await decoding;
        await engine.MeanHiddenStatesAsync([1, 2], [2], 1);
        Assert.Equal((0, 0), (engine.RunningRequests, engine.QueuedRequests));
    }

    [Fact]
    public async Task Pooling_in_pieces_is_one_request_and_may_give_up()
    {
        using var model = Requests.Model();
        using var engine = new LayerSkipEngine(model, options: new() { MaxConcurrentRequests = 1, MaxQueuedRequests = 1 });
        using var gate = new Gate();
        using var cancellation = new CancellationTokenSource();
        var decoding = engine.Run([1], new DecodingOptions { LogitsProcessors = [gate], MaxNewTokens = 1 });
        gate.WaitUntilEntered();
        int[] lengths = [.. Enumerable.Repeat(2, 300)];

        var cancelled = engine.MeanHiddenStatesAsync(new int[600], lengths, 1, cancellation.Token);
        Assert.Equal(1, engine.QueuedRequests);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        Assert.Equal(0, engine.QueuedRequests);

        var pooling = engine.MeanHiddenStatesAsync(new int[600], lengths, 1);
        await Assert.ThrowsAsync<RequestQueueFullException>(() => engine.MeanHiddenStatesAsync([1, 2], [2], 1));
        gate.Open();
        await decoding;

        Assert.Equal(300 * model.Config.HiddenSize, (await pooling).Length);
        Assert.Equal((0, 0), (engine.RunningRequests, engine.QueuedRequests));
    }

    [Fact]
    public void Pieces_end_with_their_number_of_inputs_or_of_tokens()
    {
        Assert.Empty(PoolingPieces.Of([]));
        Assert.Equal([128], PoolingPieces.Of([.. Enumerable.Repeat(15, 128)]));
        Assert.Equal([128, 1], PoolingPieces.Of([.. Enumerable.Repeat(15, 129)]));
        Assert.Equal([2, 1, 2], PoolingPieces.Of([2047, 1, 5000, 1, 2047]));
    }

    [Fact]
    public async Task Disposal_ends_what_waits()
    {
        using var model = Requests.Model();
        using var gate = new Gate();
        var engine = new LayerSkipEngine(model);
        var decoding = engine.Run([1], new DecodingOptions { LogitsProcessors = [gate] });
        gate.WaitUntilEntered();
        var waiting = Enumerable.Range(0, 3).Select(_ => engine.MeanHiddenStatesAsync([1, 2], [2], 1)).ToArray();

        var disposal = Task.Run(engine.Dispose);
        gate.Open();
        await disposal;

        foreach (var task in waiting)
        {
            try
            {
                await task;
            }
            catch (ObjectDisposedException)
            {
                // Some may have had their turn before the engine saw that it was to end.
            }
        }

        await Assert.ThrowsAsync<ObjectDisposedException>(() => decoding);
        Assert.Throws<ObjectDisposedException>(() => { _ = engine.MeanHiddenStatesAsync([1], [1], 1); });
        Assert.Equal(0, model.KvBytes);
    }

    [Fact]
    public void Damaged_weights_are_told()
    {
        var config = TinyCheckpoint.DefaultConfig with { TiedEmbeddings = true };
        using var checkpoint = TinyCheckpoint.Write(config);
        checkpoint.Damage(config.HiddenSize);
        using var damaged = Checkpoint.Open(checkpoint.Directory);
        using var model = LayerSkipModel.FromWeights("broken", config, damaged.Weights, options: TestedDevice.Options(1));

        var error = Assert.Throws<CheckpointException>(() => Means(model, 1, [[1], [2, 96]]));

        Assert.Equal("broken: a hidden state after layer 1 is NaN or infinite, expected finite numbers: the weights are damaged", error.Message);
    }

    [Fact]
    public void Wrong_arguments_are_named()
    {
        using var model = Requests.Model(maxPositions: 20);
        var size = model.Config.HiddenSize;
        void Throws<T>(string expected, int[] tokens, int[] lengths, int layer, int values)
            where T : Exception =>
            Assert.Contains(expected, Assert.Throws<T>(() => model.MeanHiddenStates(tokens, lengths, layer, new float[values])).Message);

        Throws<ArgumentOutOfRangeException>("The layer must lie in 1..4: the model has 4 layers.", [1], [1], 0, size);
        Throws<ArgumentOutOfRangeException>("The layer must lie in 1..4", [1], [1], 5, size);
        Throws<ArgumentOutOfRangeException>("The length of input 1 must lie in 1..20", [1], [1, 0], 1, 2 * size);
        Throws<ArgumentOutOfRangeException>("The length of input 0 must lie in 1..20", new int[21], [21], 1, size);
        Throws<ArgumentException>("The lengths add up to 3, but there are 2 tokens.", [1, 2], [3], 1, size);
        Throws<ArgumentOutOfRangeException>("Token ids must lie in 0..96.", [97], [1], 1, size);
        Throws<ArgumentException>($"There is room for {size} values, expected 2 inputs times the hidden size of {size}.", [1, 2], [1, 1], 1, size);
        model.MeanHiddenStates([], [], 1, []);
        model.MeanHiddenStates(new int[20], [20], 4, new float[size]);
    }

    private static int[][] Inputs(Random random, ModelConfig config, int count, int maxLength) => [.. Enumerable.Range(0, count).Select(_ =>
        Enumerable.Range(0, random.Next(1, maxLength + 1)).Select(_ => random.Next(config.VocabularySize)).ToArray())];

    private static float[][] Means(LayerSkipModel model, int layer, params int[][] inputs)
    {
        var means = new float[inputs.Length * model.Config.HiddenSize];
        model.MeanHiddenStates([.. inputs.SelectMany(input => input)], [.. inputs.Select(input => input.Length)], layer, means);
        return [.. means.Chunk(model.Config.HiddenSize)];
    }
}
