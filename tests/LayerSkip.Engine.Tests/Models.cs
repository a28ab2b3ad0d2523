using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Decoding.Drafting;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Engine.Sampling;

namespace LayerSkip.Engine.Tests;

/// <summary>Device models for tests: real checkpoints from the reference data, and random ones.</summary>
internal static class Models
{
    /// <summary>A random model of the given shape.</summary>
    public static IDeviceModel Random(ModelConfig config, ulong seed = 1, WeightFormat format = WeightFormat.F32, int threads = 1, int[]? draftVocabulary = null)
    {
        using var weights = Weights(config, seed, format);
        return TestedDevice.Load(config, weights, format, threads, draftVocabulary);
    }

    /// <summary>A random model on the CPU, whatever else is tested.</summary>
    public static CpuModel RandomOnCpu(
        ModelConfig config,
        ulong seed = 1,
        WeightFormat format = WeightFormat.F32,
        int threads = 1,
        SimdPath? path = null,
        WeightCompression compression = WeightCompression.Auto,
        int[]? draftVocabulary = null)
    {
        using var weights = Weights(config, seed, format);
        return CpuModel.Load(config, weights, format, threads, path ?? SimdPaths.Choose(), draftVocabulary, compression: compression);
    }

    /// <summary>A random shape of a model: odd sizes, grouped-query attention and now and then a real model's heads, of several panels, among them.</summary>
    public static ModelConfig RandomConfig(Random random)
    {
        var keyValueHeads = random.Next(1, 4);
        return new ModelConfig
        {
            VocabularySize = random.Next(5, 90),
            HiddenSize = random.Next(3, 70),
            IntermediateSize = random.Next(3, 90),
            Layers = random.Next(2, 6),
            AttentionHeads = keyValueHeads * random.Next(1, 4),
            KeyValueHeads = keyValueHeads,
            HeadDimension = random.Next(10) switch { 0 => 64, 1 => 128, < 6 => 32, _ => 2 * random.Next(1, 21) },
            MaxPositions = 160,
            TiedEmbeddings = random.Next(2) == 0,
            AttentionBias = random.Next(3) == 0,
            MlpBias = random.Next(3) == 0,
        };
    }

    /// <summary>Any weights that drafts can go by.</summary>
    public static DraftWeights SomeDraftWeights(Random random) => (DraftWeights)random.Next(Enum.GetValues<DraftWeights>().Length);

    /// <summary>The checkpoint in <c>../shared/data/{name}</c>; skips the test where it is absent.</summary>
    public static IDeviceModel Shared(string name, WeightFormat format = WeightFormat.Auto, int threads = 2)
    {
        using var checkpoint = Checkpoint.Open(LayerSkip.Tests.SharedData.Require(name));
        return TestedDevice.Load(checkpoint.Config, checkpoint.Weights, format, threads, draftVocabulary: null);
    }

    /// <summary>Decodes to the end.</summary>
    public static Generation Decode(this IDeviceModel model, int[] prompt, DecodingOptions options, int[]? endOfSequence = null, IDraftController? controller = null)
    {
        var defaults = new GenerationDefaults { EndOfSequenceIds = endOfSequence ?? [] };
        var generation = new Generation(model, prompt, DecodingPlan.Create(options, model.Config, defaults), controller);
        while (generation.NextRound())
        {
        }

        return generation;
    }

    /// <summary>Decodes to the end, and returns the output.</summary>
    public static int[] Tokens(this IDeviceModel model, int[] prompt, DecodingOptions options, int[]? endOfSequence = null)
    {
        using var generation = model.Decode(prompt, options, endOfSequence);
        return generation.Output.ToArray();
    }

    /// <summary>Greedy self-speculation.</summary>
    public static DecodingOptions Speculative(int exitLayer, int length, int maxNewTokens) => new()
    {
        Mode = DecodingMode.SelfSpeculative, ExitLayer = exitLayer, NumSpeculations = length, MaxNewTokens = maxNewTokens,
    };

    /// <summary>Greedy autoregression.</summary>
    public static DecodingOptions Autoregressive(int maxNewTokens) => new()
    {
        Mode = DecodingMode.Autoregressive, MaxNewTokens = maxNewTokens,
    };

    private static RandomWeightSource Weights(ModelConfig config, ulong seed, WeightFormat format) =>
        new(config, seed, format == WeightFormat.BF16 ? TensorDataType.BF16 : TensorDataType.F32);
}
