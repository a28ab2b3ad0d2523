using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Cuda.Driver;
using LayerSkip.Engine.Cuda.Execution;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Devices.Cpu;

namespace LayerSkip.Engine.Cuda;

/// <summary>Compares a GPU with the CPU device on random models, whose steps run every kernel that decoding uses, and measures its read bandwidth.</summary>
/// <param name="provider">Finds the GPU.</param>
/// <param name="ordinal">Which; null: the first usable one.</param>
/// <param name="print">Told each result.</param>
internal sealed class SelfTest(CudaDeviceProvider provider, int? ordinal, Action<string> print)
{
    private const double LogitBound = 2e-4; // of the largest logit
    private static readonly int[] s_chunks = [1, 5, 16, 17, 40];

    /// <summary>Runs all of it.</summary>
    /// <returns>Whether everything agreed.</returns>
    /// <exception cref="DeviceException">There is no such GPU.</exception>
    public bool Run(int rounds, CancellationToken cancellationToken)
    {
        var (driver, device) = provider.Find(ordinal);
        print($"{device.Name}, compute capability {device.ComputeCapability}, CUDA {driver.VersionText}, {KernelLibrary.Names.Count} kernels");
        var agrees = true;
        var random = new Random(1);
        for (var round = 0; round < rounds; round++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            agrees &= Compare(driver, device, RandomConfig(random), (ulong)round, round % 2 == 0 ? WeightFormat.F32 : WeightFormat.BF16, random);
        }

        print(Bandwidth(driver, device));
        print(agrees ? "the GPU agrees with the CPU" : "THE GPU DOES NOT AGREE WITH THE CPU");
        return agrees;
    }

    private static ModelConfig RandomConfig(Random random)
    {
        var keyValueHeads = random.Next(1, 4);
        return new ModelConfig
        {
            VocabularySize = random.Next(5, 300),
            HiddenSize = random.Next(3, 300),
            IntermediateSize = random.Next(3, 300),
            Layers = random.Next(2, 5),
            AttentionHeads = keyValueHeads * random.Next(1, 5),
            KeyValueHeads = keyValueHeads,
            HeadDimension = 2 * random.Next(1, 129),
            MaxPositions = 512,
            TiedEmbeddings = random.Next(2) == 0,
            AttentionBias = random.Next(3) == 0,
            MlpBias = random.Next(3) == 0,
        };
    }

    private bool Compare(CudaDriver driver, CudaDeviceInfo device, ModelConfig config, ulong seed, WeightFormat format, Random random)
    {
        using var weights = new RandomWeightSource(config, seed, format == WeightFormat.BF16 ? TensorDataType.BF16 : TensorDataType.F32);
        using var cpu = CpuModel.Load(config, weights, format, Environment.ProcessorCount, SimdPaths.Choose());
        using var cuda = CudaModel.Load(driver, [device], config, weights, format);
        var tokens = Enumerable.Range(0, 40 + random.Next(60)).Select(_ => random.Next(config.VocabularySize)).ToArray();

        var expected = Logits(cpu, tokens, tokens.Length);
        var actual = Logits(cuda, tokens, tokens.Length);
        var scale = Math.Max(1, expected.Max(Math.Abs));
        var error = expected.Zip(actual, (e, a) => Math.Abs(e - a) / scale).Max();
        var sameBits = s_chunks.All(chunk => Logits(cuda, tokens, chunk).AsSpan().SequenceEqual(actual));
        var plain = Tokens(cuda, tokens, new() { Mode = DecodingMode.Autoregressive, MaxNewTokens = 40 });
        var exit = random.Next(1, config.Layers);
        var drafted = Tokens(cuda, tokens, new() { Mode = DecodingMode.SelfSpeculative, ExitLayer = exit, NumSpeculations = random.Next(1, 20), MaxNewTokens = 40 });
        var sameTokens = plain.AsSpan().SequenceEqual(drafted);
        var sameAsCpu = plain.AsSpan().SequenceEqual(Tokens(cpu, tokens, new() { Mode = DecodingMode.Autoregressive, MaxNewTokens = 40 }));
        var agrees = error <= LogitBound && sameBits && sameTokens;
        print(FormattableString.Invariant(
            $"{(agrees ? "ok  " : "FAIL")} hidden {config.HiddenSize}, heads {config.AttentionHeads}/{config.KeyValueHeads} of {config.HeadDimension}, {config.Layers} layers, {format}: logits off by {error:E1} of the largest; same bits in passes of any size: {sameBits}; self-speculative as autoregressive: {sameTokens}; the CPU's tokens: {sameAsCpu}"));
        return agrees;
    }

    private static float[] Logits(IDeviceModel model, int[] tokens, int chunk)
    {
        using var cache = model.CreateCache();
        using var rows = model.CreateRows(chunk);
        var last = 0;
        for (var start = 0; start < tokens.Length; start += chunk)
        {
            var piece = tokens.AsSpan(start, Math.Min(chunk, tokens.Length - start));
            rows.Place(0, piece.Length, cache, start);
            model.Embed(rows, 0, piece);
            model.RunLayers(rows, 0, piece.Length, 0, model.Config.Layers);
            last = piece.Length - 1;
        }

        var logits = new float[model.Config.VocabularySize];
        model.Logits(rows, last, 1, logits);
        return logits;
    }

    private static int[] Tokens(IDeviceModel model, int[] prompt, DecodingOptions options)
    {
        using var generation = new Generation(model, prompt, DecodingPlan.Create(options, model.Config, new()));
        while (generation.NextRound())
        {
        }

        return generation.Output.ToArray();
    }

    /// <summary>How fast a decode step's layers read their weights; what is copied within the device is the measure beside it.</summary>
    private static string Bandwidth(CudaDriver driver, CudaDeviceInfo device)
    {
        const int Repeats = 10;
        using var context = new CudaContext(driver, device);
        context.Enter();
        var bytes = Math.Min(256L << 20, context.FreeBytes() / 8);
        var (from, to) = (context.Allocate(bytes), context.Allocate(bytes));
        context.Copy(to, from, bytes);
        var seconds = StreamTimer.Time(context, () =>
        {
            for (var i = 0; i < Repeats; i++)
            {
                context.Copy(to, from, bytes);
            }
        });
        return FormattableString.Invariant($"memory: {2.0 * bytes * Repeats / seconds / 1e9:F0} GB/s, reading and writing {bytes >> 20} MiB");
    }
}
