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
        _plain = LlamaMatrices.PlainTypes(config, source) switch
        {
            [TensorDataType.F16] => MatrixFormat.F16,
            [TensorDataType.BF16] or [] => MatrixFormat.Bf16,
            _ => MatrixFormat.F32,
        };
        Head = Of(LlamaMatrices.HeadFormat(config, format, finer), LlamaMatrices.Head(config));
        Embedding = config.TiedEmbeddings ? Head : Of(LlamaMatrices.EmbeddingFormat(format, finer), LlamaMatrices.Embedding(config));
        Layers = [.. Enumerable.Range(0, config.Layers).Select(layer => Plan(LlamaMatrices.OfLayer(config, layer)))];
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

    private PlannedLayer Plan(LayerMatrices layer)
    {
        // One kernel reads both.
        var gated = FormatOf(_asked, [layer.Gate, layer.Up]);
        return new(layer.Prefix, Of(_asked, layer.Qkv), Of(_asked, layer.Output), new(gated, [layer.Gate]), new(gated, [layer.Up]), Of(_asked, layer.Down));
    }

    private PlannedMatrix Of(WeightFormat format, params IReadOnlyList<MatrixPart> parts) => new(FormatOf(format, parts), parts);

    /// <summary>The format asked for, else the tensors' own.</summary>
    private MatrixFormat FormatOf(WeightFormat format, IReadOnlyList<MatrixPart> parts) =>
        (format == WeightFormat.Auto ? LlamaMatrices.QuantizedFormat(Source, parts) : format) switch
        {
            null => _plain,
            WeightFormat.BF16 => MatrixFormat.Bf16,
            WeightFormat.Int8 => MatrixFormat.Q8,
            WeightFormat.Int4 => MatrixFormat.Q4,
            _ => MatrixFormat.F32,
        };
}

/// <summary>The tensors of a matrix, one below the other.</summary>
internal sealed record PlannedMatrix(MatrixFormat Format, IReadOnlyList<MatrixPart> Parts)
{
    public int Outputs => Parts.Sum(part => part.Rows);

    public int Inputs => Parts[0].Columns;

    public long Bytes => Format.BytesFor(Outputs, Inputs);
}

/// <summary>The matrices of the layer whose tensors' names begin with <paramref name="Prefix"/>.</summary>
internal sealed record PlannedLayer(string Prefix, PlannedMatrix Qkv, PlannedMatrix Output, PlannedMatrix Gate, PlannedMatrix Up, PlannedMatrix Down)
{
    public long Bytes => Qkv.Bytes + Output.Bytes + Gate.Bytes + Up.Bytes + Down.Bytes;
}
