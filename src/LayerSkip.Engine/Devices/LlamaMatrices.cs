using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Devices;

/// <summary>The matrices of a Llama-family model as devices multiply with them, and the formats that they are asked for in.</summary>
internal static class LlamaMatrices
{
    /// <summary>The embeddings.</summary>
    public static MatrixPart Embedding(ModelConfig config) => new("model.embed_tokens", config.VocabularySize, config.HiddenSize);

    /// <summary>The head: the embeddings where they are tied.</summary>
    public static MatrixPart Head(ModelConfig config) => config.TiedEmbeddings ? Embedding(config) : new("lm_head", config.VocabularySize, config.HiddenSize);

    /// <summary>One layer's.</summary>
    public static LayerMatrices OfLayer(ModelConfig config, int layer)
    {
        var (hidden, intermediate) = (config.HiddenSize, config.IntermediateSize);
        var (queries, keys) = (config.AttentionHeads * config.HeadDimension, config.KeyValueHeads * config.HeadDimension);
        var prefix = $"model.layers.{layer}.";
        string attention = prefix + "self_attn.", mlp = prefix + "mlp.";
        return new(
            prefix,
            [new(attention + "q_proj", queries, hidden), new(attention + "k_proj", keys, hidden), new(attention + "v_proj", keys, hidden)],
            new(attention + "o_proj", hidden, queries),
            new(mlp + "gate_proj", intermediate, hidden),
            new(mlp + "up_proj", intermediate, hidden),
            new(mlp + "down_proj", hidden, intermediate));
    }

    /// <summary>What the head is asked for in: a little finer than four bits, which cost it most.</summary>
    /// <param name="config">The model's shape.</param>
    /// <param name="format">What is asked for.</param>
    /// <param name="finer">What stays in the checkpoint's own precision.</param>
    public static WeightFormat HeadFormat(ModelConfig config, WeightFormat format, FinerWeights finer) =>
        finer.HasFlag(FinerWeights.Head) || (config.TiedEmbeddings && finer.HasFlag(FinerWeights.Embeddings)) ? WeightFormat.Auto : AtLeastInt8(format);

    /// <summary>What embeddings of their own are asked for in, likewise.</summary>
    /// <param name="format">What is asked for.</param>
    /// <param name="finer">What stays in the checkpoint's own precision.</param>
    public static WeightFormat EmbeddingFormat(WeightFormat format, FinerWeights finer) =>
        finer.HasFlag(FinerWeights.Embeddings) ? WeightFormat.Auto : AtLeastInt8(format);

    /// <summary>The format that holds a matrix of such tensors, some of them quantised, exactly, or, where only some are, with one rounding; null where none is.</summary>
    public static WeightFormat? QuantizedFormat(WeightSource source, IReadOnlyList<MatrixPart> parts)
    {
        TensorDataType[] types = [.. parts.Select(part => source.GetTensor(part.Weight, part.Rows, part.Columns).DataType)];
        return types.All(type => type == TensorDataType.Int4) ? WeightFormat.Int4
            : types.All(WeightBlocks.AreIn) ? WeightFormat.Int8
            : types.Any(WeightBlocks.AreIn) ? WeightFormat.F32
            : null;
    }

    /// <summary>The precisions of those matrices of a model that are not quantised.</summary>
    /// <exception cref="CheckpointException">A tensor is missing or has another shape than the configuration implies.</exception>
    public static TensorDataType[] PlainTypes(ModelConfig config, WeightSource source) =>
    [
        .. LlamaTensors.Of(config)
            .Where(tensor => tensor.Role == TensorRole.Matrix)
            .Select(tensor => source.GetTensor(tensor.Name, tensor.Shape).DataType)
            .Where(type => !WeightBlocks.AreIn(type))
            .Distinct(),
    ];

    private static WeightFormat AtLeastInt8(WeightFormat format) => format == WeightFormat.Int4 ? WeightFormat.Int8 : format;
}

/// <summary>A tensor [rows, columns], and perhaps its bias: <paramref name="Name"/> without <c>.weight</c> or <c>.bias</c>.</summary>
internal sealed record MatrixPart(string Name, int Rows, int Columns)
{
    /// <summary>The tensor's name.</summary>
    public string Weight => Name + ".weight";

    /// <summary>Its bias's name.</summary>
    public string Bias => Name + ".bias";
}

/// <summary>The matrices of the layer whose tensors' names begin with <paramref name="Prefix"/>; queries, keys and values are one below the other.</summary>
internal sealed record LayerMatrices(string Prefix, IReadOnlyList<MatrixPart> Qkv, MatrixPart Output, MatrixPart Gate, MatrixPart Up, MatrixPart Down);
