using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices.Cpu;

namespace LayerSkip.Cli.Measurement;

/// <summary>Counts of a Llama-family model's parameters and bytes, from its shape alone.</summary>
internal static class ModelSize
{
    /// <summary>Weights of one layer's seven matrices: query, key, value, output, gate, up and down.</summary>
    public static long LayerMatrices(ModelConfig config)
    {
        long queries = (long)config.AttentionHeads * config.HeadDimension;
        long keys = (long)config.KeyValueHeads * config.HeadDimension;
        return ((2 * queries) + (2 * keys) + (3L * config.IntermediateSize)) * config.HiddenSize;
    }

    /// <summary>Weights of the head, or of the embedding.</summary>
    public static long Head(ModelConfig config) => (long)config.VocabularySize * config.HiddenSize;

    /// <summary>Weights of all matrices; a tied head counts once.</summary>
    public static long Matrices(ModelConfig config) =>
        (LayerMatrices(config) * config.Layers) + (Head(config) * (config.TiedEmbeddings ? 1 : 2));

    /// <summary>Weights of norms and biases, which are float32 in memory whatever the format.</summary>
    public static long Vectors(ModelConfig config)
    {
        var queriesAndKeys = ((long)config.AttentionHeads + (2L * config.KeyValueHeads)) * config.HeadDimension;
        var biases = (config.AttentionBias ? queriesAndKeys + config.HiddenSize : 0)
            + (config.MlpBias ? (2L * config.IntermediateSize) + config.HiddenSize : 0);
        return (((2L * config.HiddenSize) + biases) * config.Layers) + config.HiddenSize;
    }

    /// <summary>Bytes of the weights in memory: the matrices as they are packed, at the least, the head's rows of the draft vocabulary once more, and the vectors.</summary>
    /// <param name="config">The model's shape.</param>
    /// <param name="plan">How the CPU keeps its matrices.</param>
    /// <param name="draftVocabulary">Tokens of the draft vocabulary; 0: none.</param>
    public static long WeightBytes(ModelConfig config, WeightPlan plan, int draftVocabulary = 0) =>
        plan.Matrices.Sum(matrix => matrix.LeastBytes)
        + WeightMatrix.BytesFor(HeadRows.DraftKernel(plan.Head.Kernel, SimdPath.Portable), draftVocabulary, config.HiddenSize)
        + (Vectors(config) * sizeof(float));

    /// <summary>Bytes of keys and values (float32) that one position adds to the cache, and that attention reads back for it.</summary>
    public static long KvBytesPerToken(ModelConfig config) =>
        2L * config.Layers * config.KeyValueHeads * config.HeadDimension * sizeof(float);
}
