using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Cuda.Weights;

/// <summary>Which matrices of a model are kept in which format.</summary>
internal sealed class FormatPlan
{
    private readonly WeightFormat _asked;
    private readonly MatrixFormat _plain;

    /// <param name="config">The model's shape.</param>
    /// <param name="source">Its weights.</param>
    /// <param name="format">What is asked for.</param>
    /// <param name="finer">What stays in the source's own precision.</param>
    /// <exception cref="CheckpointException">A tensor is missing or has another shape than the configuration implies.</exception>
    public FormatPlan(ModelConfig config, WeightSource source, WeightFormat format, FinerWeights finer)
    {
        (Config, Source, _asked) = (config, source, format);
        var plain = LlamaTensors.Of(config)
            .Where(tensor => tensor.Role == TensorRole.Matrix)
            .Select(tensor => source.GetTensor(tensor.Name, tensor.Shape).DataType)
            .Where(type => !WeightBlocks.AreIn(type))
            .Distinct()
            .ToArray();
        _plain = plain is [TensorDataType.F16] ? MatrixFormat.F16 : plain is [TensorDataType.BF16] or [] ? MatrixFormat.Bf16 : MatrixFormat.F32;
        Head = Of(
            Coarsest(finer.HasFlag(FinerWeights.Head) || (config.TiedEmbeddings && finer.HasFlag(FinerWeights.Embeddings))),
            [new(config.TiedEmbeddings ? "model.embed_tokens" : "lm_head", config.VocabularySize, config.HiddenSize)]);
        Embedding = config.TiedEmbeddings
            ? Head
            : Of(Coarsest(finer.HasFlag(FinerWeights.Embeddings)), [new("model.embed_tokens", config.VocabularySize, config.HiddenSize)]);
        Layers = [.. Enumerable.Range(0, config.Layers).Select(layer => LayerOf($"model.layers.{layer}."))];
    }

    public ModelConfig Config { get; }

    public WeightSource Source { get; }

    public PlannedMatrix Head { get; }

    /// <summary>The head's where they are tied.</summary>
    public PlannedMatrix Embedding { get; }

    public IReadOnlyList<PlannedLayer> Layers { get; }

    /// <summary>The format of most weights; float16 counts as float32, whose values it holds exactly.</summary>
    public WeightFormat Format => _asked != WeightFormat.Auto ? _asked : Layers[0].Gate.Format switch
    {
        MatrixFormat.Bf16 => WeightFormat.BF16,
        MatrixFormat.Q8 => WeightFormat.Int8,
        MatrixFormat.Q4 => WeightFormat.Int4,
        _ => WeightFormat.F32,
    };

    /// <summary>Bytes of embeddings and head.</summary>
    public long EndBytes => Embedding == Head ? Head.Bytes : Head.Bytes + Embedding.Bytes;

    /// <summary>What embeddings and head are kept as: a little finer than four bits, which cost them most.</summary>
    private WeightFormat Coarsest(bool finer) => finer ? WeightFormat.Auto : _asked == WeightFormat.Int4 ? WeightFormat.Int8 : _asked;

    private PlannedLayer LayerOf(string prefix)
    {
        var hidden = Config.HiddenSize;
        var intermediate = Config.IntermediateSize;
        var queries = Config.AttentionHeads * Config.HeadDimension;
        var keys = Config.KeyValueHeads * Config.HeadDimension;
        string attention = prefix + "self_attn.", mlp = prefix + "mlp.";
        MatrixPart gate = new(mlp + "gate_proj", intermediate, hidden), up = new(mlp + "up_proj", intermediate, hidden);

        // One kernel reads both.
        var gated = FormatOf(_asked, [gate, up]);
        return new(
            prefix,
            Of(_asked, [new(attention + "q_proj", queries, hidden), new(attention + "k_proj", keys, hidden), new(attention + "v_proj", keys, hidden)]),
            Of(_asked, [new(attention + "o_proj", hidden, queries)]),
            new(gated, [gate]),
            new(gated, [up]),
            Of(_asked, [new(mlp + "down_proj", hidden, intermediate)]));
    }

    private PlannedMatrix Of(WeightFormat format, MatrixPart[] parts) => new(FormatOf(format, parts), parts);

    /// <summary>The format asked for; else the one that holds the tensors exactly, or, where only some are quantised, with one rounding.</summary>
    private MatrixFormat FormatOf(WeightFormat format, MatrixPart[] parts)
    {
        switch (format)
        {
            case WeightFormat.F32:
                return MatrixFormat.F32;
            case WeightFormat.BF16:
                return MatrixFormat.Bf16;
            case WeightFormat.Int8:
                return MatrixFormat.Q8;
            case WeightFormat.Int4:
                return MatrixFormat.Q4;
            default:
                var types = parts.Select(part => Source.GetTensor(part.Name + ".weight", part.Rows, part.Columns).DataType).ToArray();
                return types.All(type => type == TensorDataType.Int4) ? MatrixFormat.Q4
                    : types.All(WeightBlocks.AreIn) ? MatrixFormat.Q8
                    : types.Any(WeightBlocks.AreIn) ? MatrixFormat.F32
                    : _plain;
        }
    }
}

/// <summary>The tensors of a matrix, one below the other.</summary>
internal sealed record PlannedMatrix(MatrixFormat Format, IReadOnlyList<MatrixPart> Parts)
{
    public int Outputs => Parts.Sum(part => part.Rows);

    public int Inputs => Parts[0].Columns;

    public long Bytes => Format.BytesFor(Outputs, Inputs);
}

/// <summary>A tensor [rows, columns] and perhaps its bias: <paramref name="Name"/> without <c>.weight</c> or <c>.bias</c>.</summary>
internal sealed record MatrixPart(string Name, int Rows, int Columns);

/// <summary>The matrices of the layer whose tensors' names begin with <paramref name="Prefix"/>.</summary>
internal sealed record PlannedLayer(string Prefix, PlannedMatrix Qkv, PlannedMatrix Output, PlannedMatrix Gate, PlannedMatrix Up, PlannedMatrix Down)
{
    public long Bytes => Qkv.Bytes + Output.Bytes + Gate.Bytes + Up.Bytes + Down.Bytes;
}
