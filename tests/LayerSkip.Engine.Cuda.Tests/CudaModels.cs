using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Cuda.Verification;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Cuda.Tests;

/// <summary>Models on the tests' device, and the same on the CPU.</summary>
internal static class CudaModels
{
    /// <summary>A random model.</summary>
    public static CudaModel Random(ModelConfig config, ulong seed = 1, WeightFormat format = WeightFormat.F32, int[]? draftVocabulary = null)
    {
        using var weights = Weights(config, seed, format);
        var (driver, device) = Rig.Device;
        return CudaModel.Load(driver, [device], config, weights, format, draftVocabulary);
    }

    /// <summary>The same weights on the CPU, as float32.</summary>
    public static CpuModel RandomOnCpu(ModelConfig config, ulong seed = 1, WeightFormat format = WeightFormat.F32, int[]? draftVocabulary = null)
    {
        using var weights = new RoundedWeights(Weights(config, seed, format), format);
        return CpuModel.Load(config, weights, WeightFormat.F32, threads: 1, SimdPaths.Choose(), draftVocabulary);
    }

    /// <summary>A checkpoint on both devices.</summary>
    public static (CudaModel Cuda, CpuModel Cpu, GenerationDefaults Defaults) Load(string directory, WeightFormat format = WeightFormat.Auto)
    {
        using var checkpoint = Checkpoint.Open(directory);
        var (driver, device) = Rig.Device;
        var vocabulary = checkpoint.Generation.DraftVocabulary;
        return (
            CudaModel.Load(driver, [device], checkpoint.Config, checkpoint.Weights, format, vocabulary),
            CpuModel.Load(checkpoint.Config, checkpoint.Weights, format, threads: 1, SimdPaths.Choose(), vocabulary),
            checkpoint.Generation);
    }

    /// <summary>A random shape of a model, odd sizes and grouped-query attention among them.</summary>
    public static ModelConfig RandomConfig(Random random)
    {
        var keyValueHeads = random.Next(1, 4);
        return new ModelConfig
        {
            VocabularySize = random.Next(5, 90),
            HiddenSize = random.Next(3, 140),
            IntermediateSize = random.Next(3, 150),
            Layers = random.Next(2, 5),
            AttentionHeads = keyValueHeads * random.Next(1, 4),
            KeyValueHeads = keyValueHeads,
            HeadDimension = 2 * random.Next(1, 41),
            MaxPositions = 160,
            TiedEmbeddings = random.Next(2) == 0,
            AttentionBias = random.Next(3) == 0,
            MlpBias = random.Next(3) == 0,
        };
    }

    /// <summary>Decodes to the end.</summary>
    public static Generation Decode(this IDeviceModel model, int[] prompt, DecodingOptions options, int[]? endOfSequence = null)
    {
        var defaults = new GenerationDefaults { EndOfSequenceIds = endOfSequence ?? [] };
        var generation = new Generation(model, prompt, DecodingPlan.Create(options, model.Config, defaults));
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

    /// <summary>Random tokens of a model.</summary>
    public static int[] RandomTokens(Random random, ModelConfig config, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => random.Next(config.VocabularySize))];

    /// <summary>Random weights.</summary>
    public static RandomWeightSource Weights(ModelConfig config, ulong seed, WeightFormat format) =>
        new(config, seed, format == WeightFormat.BF16 ? TensorDataType.BF16 : TensorDataType.F32);
}
