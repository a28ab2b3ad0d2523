using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Cuda.Weights;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Tests.Decoding;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Cuda.Tests;

/// <summary>A model whose layers lie on several GPUs, since none has memory for all of them.</summary>
public class PipelineTests
{
    private const int OutOfMemory = 2, LaunchOutOfResources = 701, IllegalAddress = 700;

    private static readonly ModelConfig s_config = TinyCheckpoint.DefaultConfig with
    {
        Layers = 5, VocabularySize = 40, HiddenSize = 24, IntermediateSize = 30, AttentionHeads = 2, KeyValueHeads = 1, MaxPositions = 160,
    };

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void A_model_on_several_GPUs_decodes_to_the_tokens_of_the_CPU_with_every_exit_layer(int gpus)
    {
        var random = new Random(40 + gpus);
        for (var round = 0; round < 2; round++)
        {
            var config = CudaModels.RandomConfig(random) with { Layers = random.Next(gpus, 7) };
            var format = round % 2 == 0 ? WeightFormat.F32 : WeightFormat.Int8;
            using var cpu = CudaModels.RandomOnCpu(config, (ulong)round, format);
            using var several = Split(config, gpus, (ulong)round, format);
            using var one = CudaModels.Random(config, (ulong)round, format);
            Assert.Equal(gpus, several.Stages.Length);
            Assert.Equal(config.Layers, several.Stages.Sum(stage => stage.Layers));
            Assert.Equal(one.BytesRead(0, config.Layers, head: true), several.BytesRead(0, config.Layers, head: true));

            var prompt = CudaModels.RandomTokens(random, config, random.Next(1, 40));
            foreach (var chunk in (int[])[1, 7, prompt.Length])
            {
                Assert.Equal(CudaModelTests.Prefill(one, prompt, chunk), CudaModelTests.Prefill(several, prompt, chunk));
            }

            // Nothing is read back to draw a token: the first GPU does, as a single one would.
            var sampled = CudaModels.Speculative(1, 3, 8) with { Sampling = new() { Temperature = 1, TopP = 0.9f, Seed = (ulong)round } };
            Assert.Equal(one.Tokens(prompt, sampled), several.Tokens(prompt, sampled));

            var expected = cpu.Tokens(prompt, CudaModels.Autoregressive(8));
            Assert.Equal(expected, several.Tokens(prompt, CudaModels.Autoregressive(8)));
            for (var exit = 1; exit < config.Layers; exit++)
            {
                Assert.Equal(expected, several.Tokens(prompt, CudaModels.Speculative(exit, random.Next(1, 9), 8)));
                var early = new DecodingOptions { Mode = DecodingMode.EarlyExit, ExitLayer = exit, MaxNewTokens = 6 };
                Assert.Equal(cpu.Tokens(prompt, early), several.Tokens(prompt, early));
            }
        }
    }

    [Fact]
    public void Sequences_on_several_GPUs_share_passes_and_get_what_each_gets_alone()
    {
        using var model = Split(s_config, 3);
        DecodingOptions[] requests =
        [
            CudaModels.Autoregressive(8), CudaModels.Autoregressive(8) with { Sampling = new() { Temperature = 1, Seed = 2 } }, CudaModels.Speculative(1, 3, 8),
            CudaModels.Speculative(4, 2, 8) with { TopLogProbabilities = 1 }, CudaModels.Autoregressive(6) with { Sampling = new() { Temperature = 2, TopK = 9, Seed = 3 } },
        ];
        var alone = Array.ConvertAll(requests, options => model.Tokens([5, 6], options));
        var generations = Array.ConvertAll(requests, options => new Generation(model, [5, 6], DecodingPlan.Create(options, s_config, new())));
        Assert.InRange(SharedTurns.Run(model, generations, static () => true), 1, 8);
        Assert.Equal(alone, generations.Select(static generation => generation.Output.ToArray()));
        Array.ForEach(generations, static generation => generation.Dispose());
    }

    [Fact]
    public void A_caches_beginning_is_copied_on_every_GPU()
    {
        using var model = Split(s_config, 3);
        var tokens = CudaModels.RandomTokens(new Random(5), s_config, 70);
        using var cache = model.CreateCache();
        using var rows = model.CreateRows(70);
        Run(cache, 0, 70, s_config.Layers);
        var expected = Logits(69);
        foreach (var depth in (int[])[2, s_config.Layers])
        {
            using var copy = model.CreateCache();
            cache.Continue(s_config.Layers, 0);
            cache.Length = 70;
            copy.CopyFrom(cache, depth, 40);
            Assert.Equal(model.KvBytesOf(40), copy.Bytes);
            Run(copy, depth == s_config.Layers ? 40 : 0, 70, s_config.Layers);
            Assert.Equal(expected, Logits(69));
        }

        void Run(KvCache into, int from, int to, int layers)
        {
            rows.Place(from, to - from, into, from);
            model.Embed(rows, from, tokens.AsSpan(from, to - from));
            model.RunLayers(rows, from, to - from, 0, layers);
        }

        float[] Logits(int slot)
        {
            var logits = new float[s_config.VocabularySize];
            model.Logits(rows, slot, 1, logits);
            return logits;
        }
    }

    [Fact]
    public void A_round_waits_once_for_each_guess_and_each_GPU_and_allocates_nothing()
    {
        using var model = Split(s_config, 2);
        foreach (var (exit, waits) in ((int, int)[])[(1, 3 + 1 + 2), (s_config.Layers - 1, 3 + 1 + (4 * 2) + 2)])
        {
            using var generation = new Generation(model, [1, 2, 3], DecodingPlan.Create(CudaModels.Speculative(exit, 3, 100), s_config, new()));
            while (generation.Output.Length < 40)
            {
                generation.NextRound();
            }

            var least = long.MaxValue;
            for (var round = 0; round < 4; round++)
            {
                var waited = model.Context.Counters.Synchronizations;
                var before = GC.GetAllocatedBytesForCurrentThread();
                generation.NextRound();
                least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
                Assert.Equal(waits, model.Context.Counters.Synchronizations - waited);
            }

            Assert.Equal(0, least);
        }
    }

    [Theory]
    [InlineData(OutOfMemory)]
    [InlineData(IllegalAddress)]
    public void Loading_that_fails_at_any_call_frees_everything_on_all_GPUs(int code)
    {
        var rig = Rig.Controls;
        var live = rig.Live();
        var memory = MemoryFor(s_config, 2);
        using var gpus = new Gpus(memory, memory);
        for (var call = 1; ; call++)
        {
            rig.Reset();
            rig.Inject(call, code);
            try
            {
                using var weights = new RandomWeightSource(s_config, 1);
                CudaModel.Load(gpus.Driver, gpus.Devices, s_config, weights, WeightFormat.F32).Dispose();
            }
            catch (Exception e) when (e is CudaException or OutOfMemoryException or DeviceException)
            {
                Assert.Contains($"({code})", e.Message, StringComparison.Ordinal);
                Assert.Equal(live, rig.Live());
                continue;
            }

            if (rig.Calls() < call)
            {
                Assert.True(call > 150, $"only {call} calls");
                break;
            }
        }

        rig.Reset();
        Assert.Equal(live, rig.Live());
        Assert.True(rig.IsWhole, rig.Problem);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_generation_goes_on_after_an_error_at_any_call_or_says_that_a_GPU_is_lost(bool fatal)
    {
        var config = s_config with { Layers = 3 };
        var rig = Rig.Controls;
        var live = rig.Live();
        int[] expected;
        using (var model = Split(config, 2))
        {
            expected = model.Tokens([1, 2, 3], CudaModels.Autoregressive(3));
        }

        var failures = 0;
        for (var call = 1; ; call += fatal ? 3 : 1)
        {
            using (var model = Split(config, 2))
            {
                rig.Reset();
                rig.Inject(call, fatal ? IllegalAddress : call % 2 == 0 ? OutOfMemory : LaunchOutOfResources);
                if (!Try(model))
                {
                    break;
                }
            }

            rig.Reset();
            Assert.Equal(live, rig.Live());
            failures++;
        }

        Assert.True(failures > 20, $"only {failures} errors were noticed");
        rig.Reset();
        Assert.Equal(live, rig.Live());
        Assert.True(rig.IsWhole, rig.Problem);

        bool Try(CudaModel model)
        {
            // One step is repeated; where a GPU is lost, every step says so.
            var failed = false;
            Generation? generation = null;
            try
            {
                while (generation is not { FinishReason: not FinishReason.None })
                {
                    try
                    {
                        generation ??= new Generation(model, [1, 2, 3], DecodingPlan.Create(CudaModels.Speculative(2, 1, 3), model.Config, new()));
                        generation.NextRound();
                    }
                    catch (Exception e) when (!failed && e is CudaException or OutOfMemoryException)
                    {
                        failed = true;
                        if (fatal)
                        {
                            var again = Assert.Throws<CudaException>(() => model.Tokens([1, 2, 3], CudaModels.Autoregressive(3)));
                            Assert.Contains("lost", again.Message, StringComparison.Ordinal);
                            return true;
                        }
                    }
                }

                Assert.Equal(expected, generation.Output.ToArray());
                return failed;
            }
            finally
            {
                generation?.Dispose();
            }
        }
    }

    [Fact]
    public void A_model_goes_to_the_first_GPU_that_holds_it_or_to_the_one_asked_for()
    {
        var memory = MemoryFor(s_config, 2);
        using var weights = new RandomWeightSource(s_config, 1);
        using (new Gpus(memory, 0, 0))
        {
            using (var model = Load("cuda"))
            {
                Assert.StartsWith("cuda:1 (", model.Device, StringComparison.Ordinal);
            }

            using (var model = Load("cuda:2"))
            {
                Assert.StartsWith("cuda:2 (", model.Device, StringComparison.Ordinal);
            }

            var error = Assert.Throws<InsufficientMemoryException>(() => Load("cuda:0"));
            Assert.Contains("MiB on cuda:0 (Emulated GPU 0)", error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("cuda:1", error.Message, StringComparison.Ordinal);
        }

        using (new Gpus(memory, memory))
        {
            using var model = Load("auto");
            Assert.Equal("cuda:0 (Emulated GPU 0, 1 layers) + cuda:1 (Emulated GPU 1, 4 layers)", model.Device);
        }

        using (new Gpus(memory / 4, memory / 8))
        {
            var error = Assert.Throws<InsufficientMemoryException>(() => Load("cuda"));
            Assert.Matches(@"takes \d+\.\d MiB of .* free are \d+\.\d MiB on cuda:0 \(Emulated GPU 0\), \d+\.\d MiB on cuda:1", error.Message);
            using var onCpu = Load("auto");
            Assert.StartsWith("cpu", onCpu.Device, StringComparison.Ordinal);
            Assert.Contains(error.Message, onCpu.DeviceFallback, StringComparison.Ordinal);
        }

        LayerSkipModel Load(string device) =>
            LayerSkipModel.FromWeights("tiny", s_config, weights, options: new() { Device = device, DeviceProviders = [new CudaDeviceProvider(Rig.Library)] });
    }

    [Fact]
    public void A_GPU_that_cannot_be_opened_does_not_keep_a_model_from_the_next()
    {
        var rig = Rig.Controls;
        using var gpus = new Gpus(0, 0);
        using var weights = new RandomWeightSource(s_config, 1);
        var taken = new HashSet<string>();
        for (var call = 1; call <= 40; call++)
        {
            rig.Inject(call, OutOfMemory);
            try
            {
                using var model = LayerSkipModel.FromWeights(
                    "tiny", s_config, weights, options: new() { Device = "cuda", DeviceProviders = [new CudaDeviceProvider(Rig.Library)] });
                taken.Add(model.Device[..6]);
            }
            catch (Exception e) when (e is CudaException or OutOfMemoryException or DeviceException)
            {
                // Before a GPU is chosen, or while the chosen one is filled.
            }
        }

        rig.Reset();
        Assert.Contains("cuda:1", taken);
    }

    [Fact]
    public void Layers_are_shared_out_in_proportion_to_free_memory_and_fit()
    {
        var random = new Random(6);
        for (var round = 0; round < 500; round++)
        {
            var demand = new MemoryDemand(random.Next(100), random.Next(20), [.. Enumerable.Range(0, random.Next(1, 40)).Select(_ => (long)random.Next(1, 30))]);
            long[] free = [.. Enumerable.Range(0, random.Next(1, 5)).Select(_ => (long)random.Next(400))];
            if (demand.Split(free) is not { } counts)
            {
                // What is left of a GPU is less than the layer that it did not take.
                long[] room = [.. free.Select((bytes, gpu) => bytes - demand.Each - (gpu == 0 ? demand.First : 0))];
                Assert.True(room[0] < demand.Layers[0] || room.Sum(bytes => Math.Max(0, bytes - 29)) < demand.Layers.Sum());
                continue;
            }

            Assert.Equal(demand.Layers.Count, counts.Sum());
            var layer = 0;
            for (var gpu = 0; gpu < free.Length; gpu++)
            {
                var bytes = demand.Layers.Skip(layer).Take(counts[gpu]).Sum() + (gpu == 0 ? demand.First : 0) + (counts[gpu] > 0 ? demand.Each : 0);
                Assert.InRange(bytes, 0, free[gpu]);
                layer += counts[gpu];
            }
        }

        Assert.Equal((int[])[10, 5, 5], new MemoryDemand(0, 0, [.. Enumerable.Repeat(1L, 20)]).Split([40, 20, 20])!);
    }

    /// <summary>A random model on so many GPUs as hold it together.</summary>
    private static CudaModel Split(ModelConfig config, int gpus, ulong seed = 1, WeightFormat format = WeightFormat.F32)
    {
        var memory = MemoryFor(config, gpus, format);
        using var devices = new Gpus([.. Enumerable.Repeat(memory, gpus)]);
        using var weights = CudaModels.Weights(config, seed, format);
        return CudaModel.Load(devices.Driver, devices.Devices, config, weights, format);
    }

    /// <summary>The least memory of so many GPUs that hold a model together; one less does not.</summary>
    private static long MemoryFor(ModelConfig config, int gpus, WeightFormat format = WeightFormat.F32)
    {
        using var weights = CudaModels.Weights(config, 1, format);
        var demand = MemoryDemand.Of(new FormatPlan(config, weights, format, FinerWeights.None), new Geometry(config));
        var (low, high) = (0L, demand.Whole);
        while (low + 1 < high)
        {
            var middle = (low + high) / 2;
            (low, high) = demand.Split([.. Enumerable.Repeat(middle, gpus)]) is null ? (middle, high) : (low, middle);
        }

        return high;
    }
}
